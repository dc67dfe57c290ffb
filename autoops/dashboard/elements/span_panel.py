"""Everything about one span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from autoops.dashboard import words
from autoops.dashboard.changes import Changes, changes
from autoops.dashboard.elements.payload import Payload
from autoops.dashboard.elements.tags import badge, copyable, icon, link, tag
from autoops.tracing.attributes import METADATA, metadata_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autoops.dashboard.records import SpanDetail
    from autoops.tracing.journal.reader import ScoreRecord

DELIVERY: Final = {
    "delivered": ("good", "Delivered"),
    "pending": ("quiet", "Waiting for delivery"),
    "rejected": ("bad", "Refused by Langfuse"),
    "sampled out": ("quiet", "Sampled out: kept here, not sent"),
    "local": ("quiet", "Local: recorded without credentials"),
    None: ("quiet", "Not sent before it ends"),
}
"""Tone and words for where a span stands on its way to Langfuse."""
REASONING: Final = metadata_key("reasoning")
STACK: Final = metadata_key("exception.stacktrace")


def span_panel(trace_id: str, span: SpanDetail, scores: Sequence[ScoreRecord]) -> None:
    """Draw a span: what it is, what it decided, its payloads, what else is known, where it stands."""
    _head(span)
    if span.line.decision:
        _decision(span)
    _changes(changes(_decoded(span.output), _decoded(span.input)))
    for label, text in (("Input", span.input), ("Output", span.output)):
        if text is not None:
            with _section(label):
                Payload(text, label)
    if scores:
        with _section("Scores"):
            _table((score.name, words.plain(score.value), score.comment or "") for score in scores)
    if STACK in span.attributes:
        with _section("Stack"):
            tag("pre", words.plain(span.attributes[STACK]), "json stack", tabindex="0")
    _attributes(span)
    _related(span)
    with _section("Delivery"):
        _delivery(span)
    with _section("Ids"):
        _ids(trace_id, span)


def _head(span: SpanDetail) -> None:
    line = span.line
    kind = "decision" if line.decision else line.type
    with tag("header", classes=f"panel-head kind-{kind}"):
        icon(kind)
        tag("h2", line.name)
        if line.level != "DEFAULT":
            badge(line.level.capitalize(), {"ERROR": "bad", "WARNING": "warning"}.get(line.level, "quiet"))
    with tag("div", classes="facts"):
        tag("span", line.type, "fact")
        if line.agent:
            tag("span", f"Agent {line.agent}", "fact")
        if line.end_ns is not None:
            tag("span", words.duration(line.end_ns - line.start_ns), "fact")
        tag("span", words.moment(line.start_ns), "fact")
    if span.status_message:
        tag("p", span.status_message, f"message level-{line.level}")


def _ids(trace_id: str, span: SpanDetail) -> None:
    for label, value in (
        ("Span", span.line.span_id),
        ("Parent", span.line.parent_span_id),
        ("Trace", trace_id),
    ):
        if value:
            with tag("div", f"{label} ", "id-row"):
                copyable(value, f"the {label.lower()}'s id")


def _decision(span: SpanDetail) -> None:
    line = span.line
    with tag("section", classes="decision"):
        with tag("div", classes="decision-head"):
            tag("h3", "Decision")
            tag("b", line.decision or "")
        if line.confidence is not None:
            with tag("div", classes="confidence"):
                tag("span", "Confidence")
                tag("progress", max=1, value=line.confidence, aria_label="Confidence")
                tag("b", words.share(line.confidence))
        reasoning = span.attributes.get(REASONING)
        if reasoning:
            tag("blockquote", words.plain(reasoning))


def _changes(found: Changes) -> None:
    if not found.items:
        return
    unit = "" if found.unit is None else f", {found.unit}"
    with (
        _section(f"Before and after{unit}"),
        tag("div", classes="changes-box", tabindex="0"),
        tag("table", classes="changes"),
        tag("tbody"),
    ):
        for change in found.items:
            with tag("tr"):
                tag("th", change.subject, scope="row")
                tag("td", words.plain(change.before), "number")
                tag("td", "→", "arrow", aria_label="becomes")
                tag("td", words.plain(change.after), "number")
                tag("td", change.note)


def _attributes(span: SpanDetail) -> None:
    metadata = {
        key: value for key, value in _metadata(span).items() if metadata_key(key) not in {REASONING, STACK}
    }
    others = {key: value for key, value in span.attributes.items() if not key.startswith(METADATA)}
    for title, known in (("Metadata", metadata), ("Attributes", others)):
        if known:
            with _section(title):
                _table((key, words.plain(value)) for key, value in sorted(known.items()))


def _related(span: SpanDetail) -> None:
    if span.events:
        with _section("Events"):
            _table(
                (words.moment(event.get("timestamp_ns", 0)), str(event.get("name", "")))
                for event in span.events
            )
    if span.links:
        with _section("Links"):
            for each in span.links:
                trace_id, span_id = str(each.get("trace_id", "")), str(each.get("span_id", ""))
                with tag("div", classes="id-row"):
                    link(f"{trace_id[:8]} … {span_id}", f"/trace/{trace_id}?span={span_id}")


def _delivery(span: SpanDetail) -> None:
    tone, text = DELIVERY[span.delivery]
    with tag("p", classes="delivery-line"):
        badge(text, tone)
        if span.host is not None:
            tag("span", f" {span.host}")
    if span.rejection is not None:
        status, message = span.rejection
        tag("p", f"HTTP {status}: {message}", "message level-ERROR")
    _table(
        (
            ("Environment", span.environment),
            ("Release", span.release),
            ("Recorded by", f"{span.program} (process {span.pid})"),
        )
    )


def _metadata(span: SpanDetail) -> dict[str, Any]:
    """The observation's metadata by its own keys; values that travel as JSON text are decoded."""
    prefix = metadata_key("")
    return {
        key.removeprefix(prefix): _decoded(value) if isinstance(value, str) and value[:1] in "{[" else value
        for key, value in span.attributes.items()
        if key.startswith(METADATA)
    }


def _decoded(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _section(title: str) -> Any:
    """A titled part of the panel, to be used as a block."""
    section = tag("section", classes="panel-part")
    with section:
        tag("h3", title)
    return section


def _table(rows: Iterable[tuple[str, ...]]) -> None:
    with tag("dl", classes="pairs"):
        for name, *values in rows:
            tag("dt", name)
            tag("dd", " ".join(value for value in values if value))
