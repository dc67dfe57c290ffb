"""`docs/settings.md` says which traces are sent: each row of its table is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import LangfuseIntegrationService

if TYPE_CHECKING:
    from loopback import LoopbackServer

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
TRACES = 60
"""Of each kind: too few for anybody to know which of them were slow for their name."""


class Row(NamedTuple):
    """A row of the table."""

    rate: str
    rules: str
    enabled: str
    ordinary: str
    notable: str


def rows() -> list[Row]:
    """The table of the section."""
    section = TEXT.split("## Which traces are sent\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)[2:]
    return [Row(*(cell.strip().strip("`") for cell in line.split("|"))) for line in lines]


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(filter(None, row[:3])))
def test_what_the_page_says_is_sent_is_sent(
    row: Row, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All, one in ten or none, of the ordinary traces and of those with an error; a notable one counts once."""
    values = {
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_SAMPLE_RATE": row.rate,
        "AUTOOPS_SAMPLE_RULES": row.rules,
        "LANGFUSE_ENABLE_SAMPLING": row.enabled,
        "LANGFUSE_BUFFER_SIZE": "10000",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    service = LangfuseIntegrationService(LangfuseConfig.from_settings())
    recorded: dict[str, set[str]] = {"ordinary": set(), "notable": set()}
    for _ in range(TRACES):
        for kind, traces in recorded.items():
            trace_id = service.create_simulation_trace({"type": "noise"}) or ""
            service.finalize_trace(trace_id, error="no price" if kind == "notable" else None)
            traces.add(trace_id)
    assert service.flush(20)
    service.shutdown()

    sent = {span.trace_id: span.metadata["sampling.probability"] for span in server.spans}
    for kind, said in (("ordinary", row.ordinary), ("notable", row.notable)):
        assert recorded[kind] & sent.keys() == expected(said, recorded[kind]), kind
    weights = {sent[trace_id] for trace_id in recorded["notable"] & sent.keys()}
    assert weights <= ({0.1} if row.notable == "one in ten" else {1.0})


def expected(said: str, traces: set[str]) -> set[str]:
    """The traces that are sent by the page's words; of ten, the one that any sampler by OpenTelemetry's rule keeps."""
    ratio = TraceIdRatioBased({"all": 1.0, "one in ten": 0.1, "none": 0.0}[said])
    return {
        trace_id
        for trace_id in traces
        if ratio.should_sample(None, int(trace_id, 16), "noise").decision is Decision.RECORD_AND_SAMPLE
    }


def test_the_page_tells_of_each_case() -> None:
    """A rate of nothing, a rule of nothing, both switches."""
    told = rows()

    assert {row.enabled for row in told} == {"true", "false"}
    assert any(row.rules.endswith("=0") and row.notable == "all" for row in told)
    assert any(row.rate == "0" and row.notable == "none" for row in told)
    assert {row.ordinary for row in told} == {"all", "one in ten", "none"}
