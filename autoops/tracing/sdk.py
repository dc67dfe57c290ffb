"""The Langfuse SDK's client on our provider, for majors 3 to 5: its spans and scores land in our journal, once."""

from __future__ import annotations

import atexit
import logging
import math
from typing import TYPE_CHECKING, Any, Final

from autoops.tracing.ids import parse_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.provider import TracerProvider

logger = logging.getLogger(__name__)

LOCAL_KEYS: Final = ("pk-lf-local", "sk-lf-local")
"""Stand-ins in local mode: without keys the SDK would record nothing, and ours sends nothing anyway."""
LOCAL_HOST: Final = "http://127.0.0.1:9"
"""Where the SDK's own requests (prompts, datasets) end in local mode: nowhere."""


def build(
    config: LangfuseConfig, provider: TracerProvider, route_score: Callable[[dict[str, Any]], bool]
) -> Any:
    """Make the SDK's client.

    Args:
        config: Ours; all values are passed on, for the SDK's own variables are other ones.
        provider: Where its spans go.
        route_score: Takes a score's body; False leaves it to the SDK's own queue.
    """
    from langfuse import Langfuse
    from langfuse._client.resource_manager import LangfuseResourceManager

    from autoops.settings import hidden_from_sdk

    public_key, secret_key = (config.public_key, config.secret_key) if config.has_credentials else LOCAL_KEYS
    # One manager is kept for each public key, and its first settings win for the life of the process.
    existing: Any = LangfuseResourceManager._instances.get(str(public_key))  # noqa: SLF001 - there is no public way
    if existing is not None and existing.tracer_provider is not provider:
        logger.debug("a Langfuse client made earlier for %s is replaced by ours", public_key)
        LangfuseResourceManager._instances.pop(str(public_key), None)  # noqa: SLF001
    with hidden_from_sdk():
        client = Langfuse(
            public_key=public_key,
            secret_key=secret_key,
            base_url=config.host if config.has_credentials else LOCAL_HOST,
            timeout=max(1, math.ceil(config.timeout)),
            tracing_enabled=config.tracing_enabled,
            environment=config.environment,
            release=config.release,
            sample_rate=1.0,  # ours is decided by the provider
            media_upload_thread_count=config.media_upload_thread_count,
            additional_headers=dict(config.additional_headers) or None,
            tracer_provider=provider,  # type: ignore[arg-type]  # it asks for the interface's methods only
        )
    manager = client._resources  # noqa: SLF001
    if manager is not None:
        _route_scores(manager, route_score)
    return client


def release(client: Any) -> None:
    """Forget a client, so that the next one for its key is built on its own provider.

    Its threads are told to end, and if nothing waits in its queues its own exit is called off: it would join each
    thread for up to a second.
    """
    from langfuse._client.resource_manager import LangfuseResourceManager

    manager = getattr(client, "_resources", None)
    instances = LangfuseResourceManager._instances  # noqa: SLF001
    for key, value in list(instances.items()):
        if value is manager:
            del instances[key]
    if manager is None:
        return
    queues = [
        getattr(manager, name, None)
        for name in ("_media_upload_queue", "_score_queue", "_score_ingestion_queue")
    ]
    if any(queue is not None and not queue.empty() for queue in queues):
        return
    atexit.unregister(manager.shutdown)
    prompts = getattr(getattr(manager, "prompt_cache", None), "_task_manager", None)
    if prompts is not None:
        atexit.unregister(prompts.shutdown)
        for consumer in getattr(prompts, "_consumers", None) or ():
            consumer.pause()
    for name in ("_media_upload_consumers", "_score_consumers", "_ingestion_consumers"):
        for consumer in getattr(manager, name, None) or ():
            consumer.pause()


def score_fields(score: Any) -> dict[str, Any] | None:
    """A score of the SDK as Langfuse's fields: the body itself (5), or an event around it (3 and 4).

    Returns:
        None for a score that does not belong to a trace.
    """
    body = score.get("body", score) if isinstance(score, dict) else score
    if not isinstance(body, dict):
        body = body.dict(by_alias=True)
    fields = {key: value for key, value in body.items() if value is not None}
    if parse_trace_id(fields.get("traceId")) is None:
        return None
    return fields


def _route_scores(manager: Any, route_score: Callable[[dict[str, Any]], bool]) -> None:
    original = manager.add_score_task

    def add_score_task(score: Any, *args: Any, **kwargs: Any) -> None:
        fields = score_fields(score)
        if fields is None or not route_score(fields):
            original(score, *args, **kwargs)

    manager.add_score_task = add_score_task
