"""Scores on their way to the journal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from autoops.tracing.ids import new_uuid
from autoops.tracing.scalars import number, plain
from autoops.tracing.serialize import dump, text

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig

_COLUMNS = frozenset(
    {"id", "traceId", "observationId", "name", "value", "dataType", "comment", "environment"}
)


class Score(NamedTuple):
    """A score on its way to the journal; ``value`` is JSON text."""

    score_id: str
    trace_id: str
    span_id: str | None
    name: str
    value: str
    data_type: str
    comment: str | None
    extra: str | None
    timestamp_ns: int
    config: LangfuseConfig


def make(
    config: LangfuseConfig,
    trace_id: str,
    name: str,
    value: object,
    *,
    span_id: str | None = None,
    comment: str | None = None,
    score_id: str | None = None,
    data_type: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Score | None:
    """A score; None if ``value`` is neither a finite number, a boolean nor text.

    Numbers of any type, numpy's and exact ones too, are NUMERIC, booleans BOOLEAN (sent as 0 and 1, as Langfuse has them), text CATEGORICAL.
    """
    typed = _typed(value)
    if typed is None:
        return None
    kind, written = typed
    return Score(
        score_id=score_id or new_uuid(),
        trace_id=trace_id,
        span_id=span_id,
        name=text(name, limit=200),
        value=orjson.dumps(written).decode(),
        data_type=data_type or kind,
        comment=None if comment is None else text(comment),
        extra=None if not extra else dump(extra).decode(),
        timestamp_ns=time.time_ns(),
        config=config,
    )


def _typed(value: object) -> tuple[str, int | float | str] | None:
    """Langfuse's type of a value, and how it is written; None if it is no score."""
    if isinstance(value, str):
        return "CATEGORICAL", text(value)
    truth = plain(value)
    if isinstance(truth, bool):
        return "BOOLEAN", int(truth)
    found = number(value)
    return None if found is None else ("NUMERIC", found)


def from_sdk(fields: dict[str, Any], config: LangfuseConfig) -> Score | None:
    """A score that the SDK was given, by Langfuse's field names; what has no column of its own goes along."""
    return make(
        config,
        str(fields["traceId"]),
        str(fields.get("name", "")),
        fields.get("value"),
        span_id=fields.get("observationId"),
        comment=fields.get("comment"),
        score_id=fields.get("id"),
        data_type=fields.get("dataType"),
        extra={key: value for key, value in fields.items() if key not in _COLUMNS},
    )
