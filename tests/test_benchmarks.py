"""Every benchmark runs, tiny and without peers, and prints a result that says what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
NAMES = (
    "bytes_per_span",
    "call_latency",
    "call_off",
    "caller_cost",
    "delivered",
    "durable",
    "idle",
    "import_time",
    "serialize",
    "simulation_cost",
    "throttle",
)
TINY = ("--rounds", "1", "--scale", "0.01", "--peers", "none")
KEYS = {"title", "figures", "columns", "rows", "notes", "size", "machine"}


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one benchmark to its end."""
    return subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *TINY, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def ended() -> dict[str, subprocess.CompletedProcess[str]]:
    """How each of them ended; two at a time, for most of them wait."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(NAMES, pool.map(lambda name: run(name, "--json"), NAMES), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_result(name: str, ended: dict[str, subprocess.CompletedProcess[str]]) -> None:
    """A benchmark prints one JSON object whose figures each have a name, a unit and a verdict."""
    assert ended[name].returncode == 0, ended[name].stderr

    found: dict[str, Any] = json.loads(ended[name].stdout)

    assert set(found) >= KEYS
    assert found["size"]["rounds"] == 1
    assert found["figures"]
    for figure in found["figures"]:
        assert set(figure) == {"what", "value", "unit", "must", "aim", "verdict"}
        assert figure["verdict"]
    rows = [row for row in found["rows"] if len(row) == len(found["columns"])]
    assert rows or name in {"throttle", "bytes_per_span"}


def test_as_text(ended: dict[str, subprocess.CompletedProcess[str]]) -> None:
    """Without --json it prints the same figures as tables, each with its verdict."""
    del ended  # only so that they do not run side by side

    told = run("serialize").stdout

    assert "dump flat against orjson flat" in told
    assert "reported" in told


def test_all_of_them_are_run() -> None:
    """The program that runs them all names each that is tested here."""
    source = (FOLDER / "run.py").read_text(encoding="utf-8")

    assert all(f'"{name}"' in source for name in NAMES)


def test_page(tmp_path: Path) -> None:
    """The page has what was promised, what was measured, how it went, and the command."""
    page = tmp_path / "performance.md"
    subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), *TINY, "--only", "serialize", "--output", str(page)],
        check=True,
        capture_output=True,
    )

    text = page.read_text(encoding="utf-8")

    assert "| figure | must | aim | measured | verdict |" in text
    assert "## Writing and masking a payload" in text
    assert "uv run python benchmarks/serialize.py" in text
    assert "A smoke run" in text
