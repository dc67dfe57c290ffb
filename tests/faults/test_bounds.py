"""Memory stays bounded: in spans, in bytes, and over time. The full measures are in ``benchmarks/bounds.py``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bounds.py"


def rows(case: str, folder: Path, spans: int) -> list[dict[str, Any]]:
    """What one case of the benchmark measures in a process of its own."""
    command = [sys.executable, str(BENCHMARK), "--case", case, "--folder", str(folder), "--spans", str(spans)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("case", "spans"),
    [
        pytest.param("long", 50_000, id="many spans with the server away"),
        pytest.param("burst", 200, id="payloads of 1 MB, more than the buffer holds"),
    ],
)
def test_memory_is_bounded_and_nothing_is_dropped(case: str, spans: int, tmp_path: Path) -> None:
    """At its peak, in growth, and without a span lost for it."""
    measured = rows(case, tmp_path, spans)

    assert len(measured) >= 2
    assert [row["what"] for row in measured if not row["ok"]] == []
