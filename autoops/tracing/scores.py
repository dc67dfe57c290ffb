"""Scores on their way to the journal."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from autoops.tracing.ids import new_uuid
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

    Numbers are NUMERIC, booleans BOOLEAN (sent as 0 and 1, as Langfuse has them), text CATEGORICAL.
    """
    if isinstance(value, bool):
        kind, written = "BOOLEAN", int(value)
    elif isinstance(value, int | float) and math.isfinite(value):
        kind, written = "NUMERIC", value  # type: ignore[assignment]
    elif isinstance(value, str):
        kind, written = "CATEGORICAL", text(value)  # type: ignore[assignment]
    else:
        return None
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
