"""The examples run as their users run them: in a process of their own, with and without an account."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from children import env_for
from loopback import PROJECT_ID, LoopbackServer, unused_url

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
DEMO = EXAMPLES / "langfuse_foundation_demo.py"
TREE = [
    "demand_spike",
    "inventory_agent.forecast_demand",
    "pricing_agent.review_price",
    "pricing_agent.price_optimization",
    "market_analysis",
    "fetch_prices",
    "fetch_weather",
]


def run(example: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run an example in the working directory; it must succeed without a traceback."""
    done = subprocess.run(
        [sys.executable, str(example)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_every_example_is_tested() -> None:
    """An example without a test here would rot."""
    assert sorted(EXAMPLES.glob("*.py")) == [DEMO]


def test_the_demo_without_an_account(tmp_path: Path) -> None:
    """Says that it is local, where the journal is, and prints the tree that it recorded, in order."""
    done = run(DEMO)

    assert "Local mode" in done.stdout
    assert str(tmp_path / ".autoops" / "journal.db") in done.stdout
    places = [done.stdout.index(f"{name}  (") for name in TREE]
    assert places == sorted(places)
    assert "TimeoutError: the weather service did not answer" in done.stdout
    assert "Langfuse credentials not found" in done.stderr
    assert "http" not in done.stdout


def test_the_demo_with_an_account(server: LoopbackServer) -> None:
    """Delivers what it prints, and prints a link for each trace."""
    done = run(DEMO, **env_for(server))

    assert "Delivered to Langfuse" in done.stdout
    assert {span.name for span in server.spans} == set(TREE)
    assert len(server.arrivals) == len(TREE)
    for trace_id in {span.trace_id for span in server.spans}:
        assert f"{server.url}/project/{PROJECT_ID}/traces/{trace_id}" in done.stdout


@pytest.mark.parametrize("fault", ["refused", "wrong keys"])
def test_the_demo_with_an_account_that_does_not_work(server: LoopbackServer, fault: str) -> None:
    """Says what to mend, keeps everything, succeeds all the same."""
    env = env_for(server, LANGFUSE_MAX_RETRIES="0")
    mend = {"refused": {"LANGFUSE_HOST": unused_url()}, "wrong keys": {"LANGFUSE_SECRET_KEY": "sk-lf-wrong"}}
    done = run(DEMO, **{**env, **mend[fault]})

    assert "wait in the journal" in done.stdout
    assert next(iter(mend[fault])) in done.stdout
    assert "demand_spike  (" in done.stdout


def test_the_demo_switched_off(tmp_path: Path) -> None:
    """Says so, and leaves nothing behind."""
    done = run(DEMO, LANGFUSE_ENABLED="false")

    assert "Tracing is off" in done.stdout
    assert list(tmp_path.iterdir()) == []
