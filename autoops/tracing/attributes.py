"""Langfuse's attribute keys: the only file that spells them.

Facts of the ingestion that shape this file: a span stands alone, so what belongs to the trace is repeated on each; an
empty list arrives as text and is left out; values that are not scalars travel as JSON strings; span events are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE: Final = "langfuse.observation.type"
INPUT: Final = "langfuse.observation.input"
OUTPUT: Final = "langfuse.observation.output"
LEVEL: Final = "langfuse.observation.level"
STATUS_MESSAGE: Final = "langfuse.observation.status_message"
METADATA: Final = "langfuse.observation.metadata"
MODEL: Final = "langfuse.observation.model.name"
USAGE_DETAILS: Final = "langfuse.observation.usage_details"
COST_DETAILS: Final = "langfuse.observation.cost_details"

TRACE_NAME: Final = "langfuse.trace.name"
TRACE_TAGS: Final = "langfuse.trace.tags"
TRACE_PUBLIC: Final = "langfuse.trace.public"
TRACE_INPUT: Final = "langfuse.trace.input"
TRACE_OUTPUT: Final = "langfuse.trace.output"
USER_ID: Final = "user.id"
SESSION_ID: Final = "session.id"

ENVIRONMENT: Final = "langfuse.environment"
RELEASE: Final = "langfuse.release"
VERSION: Final = "langfuse.version"
AS_ROOT: Final = "langfuse.internal.as_root"
IS_APP_ROOT: Final = "langfuse.internal.is_app_root"

IMPACT: Final = f"{METADATA}.impact"
"""What a decision says of its expected effect."""
SAMPLING_REASON: Final = f"{METADATA}.sampling.reason"
SAMPLING_PROBABILITY: Final = f"{METADATA}.sampling.probability"
SPANS_LOST: Final = f"{METADATA}.spans_lost"

RESOLVE_CONFLICT: Final = "resolve_conflict"
"""Operation of the step in which agents' conflict is settled."""

AGENT: Final = "autoops.agent"
OPERATION: Final = "autoops.operation"

SPAN_KIND: Final = "span.kind"
"""What OpenTelemetry calls a span's kind, if it is not an internal one: server, client, producer, consumer."""

SCOPE_NAME: Final = "langfuse-sdk.autoops"
"""Our instrumentation scope: a name that begins ``langfuse-sdk`` keeps Langfuse's metadata free of duplicates."""

_OF_GENERATIVE_AI: Final = {
    "chat": "generation",
    "text_completion": "generation",
    "generate_content": "generation",
    "embeddings": "embedding",
    "invoke_agent": "agent",
    "create_agent": "agent",
    "execute_tool": "tool",
}
"""Observation types by ``gen_ai.operation.name``."""
_MODEL_NAMES: Final = (MODEL, "gen_ai.request.model", "gen_ai.response.model", "llm.model_name")

OBSERVATION_TYPES: Final = frozenset(
    {
        "span",
        "generation",
        "embedding",
        "agent",
        "tool",
        "chain",
        "retriever",
        "evaluator",
        "guardrail",
        "event",
    }
)
LEVELS: Final = ("DEBUG", "DEFAULT", "WARNING", "ERROR")

MAX_TRACE_TEXT: Final = 200
"""Characters of a session, user, tag or trace name: what every Langfuse SDK accepts."""

_PROPAGATED: Final = "langfuse.propagated."
_PROPAGATED_BAGGAGE: Final = "langfuse_"
_PROPAGATED_KEYS: Final = {
    "user_id": USER_ID,
    "session_id": SESSION_ID,
    "metadata": METADATA,
    "version": VERSION,
    "tags": TRACE_TAGS,
    "trace_name": TRACE_NAME,
    "environment": ENVIRONMENT,
    "prompt_name": "langfuse.observation.prompt.name",
    "prompt_version": "langfuse.observation.prompt.version",
    "experiment_id": "langfuse.experiment.id",
    "experiment_name": "langfuse.experiment.name",
    "experiment_metadata": "langfuse.experiment.metadata",
    "experiment_dataset_id": "langfuse.experiment.dataset.id",
    "experiment_item_id": "langfuse.experiment.item.id",
    "experiment_item_metadata": "langfuse.experiment.item.metadata",
    "experiment_item_root_observation_id": "langfuse.experiment.item.root_observation_id",
}
"""What the SDK's ``propagate_attributes`` puts into OpenTelemetry's context (majors 3 to 5), and where it goes on a span."""


def propagated(context: Mapping[str, object], baggage: Mapping[str, object] | None) -> dict[str, Any]:
    """Attributes that the SDK's ``propagate_attributes`` left in ``context``, or another process left in ``baggage``.

    Read from the context directly: the SDK's own span processor keeps an entry for each span for ever (5.0) and marks
    children of foreign spans as roots.
    """
    found: dict[str, Any] = {}
    for key, value in (baggage or {}).items():
        if key.startswith(_PROPAGATED_BAGGAGE):
            _propagate(found, key.removeprefix(_PROPAGATED_BAGGAGE), value)
    for key, value in context.items():
        if key.startswith(_PROPAGATED):
            _propagate(found, key.removeprefix(_PROPAGATED), value)
    return found


def _propagate(found: dict[str, Any], name: str, value: object) -> None:
    target = _PROPAGATED_KEYS.get(name)
    if target is None:
        # Metadata travels in baggage as one entry for each key.
        if name.startswith("metadata_"):
            found[f"{METADATA}.{name.removeprefix('metadata_')}"] = value
    elif isinstance(value, dict):
        for key, each in value.items():
            found[f"{target}.{key}"] = each
    elif value is not None:
        found[target] = tuple(value) if isinstance(value, list) else value


def type_of_others(attributes: Mapping[str, Any]) -> str | None:
    """The observation type of a span that other instrumentations describe, as Langfuse's ingestion tells it; None: a span.

    Sources: OpenInference's ``openinference.span.kind`` and OpenTelemetry's semantic conventions for generative AI.
    """
    kind = attributes.get("openinference.span.kind")
    if isinstance(kind, str) and kind.lower() in OBSERVATION_TYPES:
        return kind.lower()
    if kind == "LLM":
        return "generation"
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str) and operation in _OF_GENERATIVE_AI:
        return _OF_GENERATIVE_AI[operation]
    if any(key in attributes for key in _MODEL_NAMES):
        return "generation"
    return None


def metadata_key(name: str) -> str:
    """The attribute that holds one entry of an observation's metadata."""
    return f"{METADATA}.{name}"
