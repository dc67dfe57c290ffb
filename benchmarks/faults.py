"""What each fault of the server costs, with AutoOps and with the Langfuse SDK, side by side in one run.

    uv run python benchmarks/faults.py [--only TEXT] [--spans N]

For each fault and each of the two, at its default settings: a process records spans, a millisecond each, against a server
that fails, and ends. The server heals. A second process starts, is given time to deliver what the first one left, and ends. Then it is
counted what arrived. A run of all faults writes the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from serverfaults import FAULTS, Stage  # noqa: E402 - the tests' server is the subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serverfaults import Fault

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- benchmarks/faults.py: begin -->", "<!-- benchmarks/faults.py: end -->"
LONGEST_S = 60.0
"""A process that has not ended by then is killed."""

AUTOOPS = (
    """
    import sys, time
    from config.langfuse_integration import get_langfuse_integration
    service = get_langfuse_integration()
    for number in range(int(sys.argv[1])):
        with service.trace_operation(f"span {number}"):
            time.sleep(0.001)
    print(time.time(), flush=True)
    """,
    """
    import time
    from config.langfuse_integration import get_langfuse_integration
    service = get_langfuse_integration()
    deadline = time.monotonic() + 20
    while service.client.pending() and time.monotonic() < deadline:
        time.sleep(0.05)
    print(time.time(), flush=True)
    """,
)
SDK = (
    """
    import sys, time
    from langfuse import get_client
    client = get_client()
    for number in range(int(sys.argv[1])):
        with client.start_as_current_observation(name=f"span {number}", as_type="span"):
            time.sleep(0.001)
    print(time.time(), flush=True)
    """,
    """
    import time
    from langfuse import get_client
    get_client().flush()
    print(time.time(), flush=True)
    """,
)


@dataclass(frozen=True)
class Result:
    """What became of the spans of one run.

    Attributes:
        lost: Spans that never arrived.
        doubled: Spans that arrived more than once.
        exit_s: Seconds from the end of the first program to the end of its process; None if it was killed.
    """

    lost: int
    doubled: int
    exit_s: float | None


def measure(fault: Fault, programs: Sequence[str], spans: int) -> Result:
    """Run both processes of one side through one fault."""
    with tempfile.TemporaryDirectory() as folder, Stage(fault) as stage:
        journal = {"AUTOOPS_JOURNAL": str(Path(folder) / "journal.db")}
        exit_s = run(programs[0], spans, stage.env | journal, folder)
        server = stage.heal()
        run(programs[1], spans, stage.env | journal, folder)
        counts = Counter(span.name for span in server.arrivals)
    return Result(
        lost=spans - len(counts), doubled=sum(count > 1 for count in counts.values()), exit_s=exit_s
    )


def run(program: str, spans: int, env: Mapping[str, str], folder: str) -> float | None:
    """Run a program; seconds from its last line to the end of its process, None if that never came."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LANGFUSE", "AUTOOPS", "OTEL"))
    }
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(spans)],
            env={**mine, "PYTHONPATH": str(ROOT), **env},
            cwd=folder,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        ended = time.time()
        output.seek(0)
        return ended - float(output.read().split()[-1])


def row(name: str, ours: Result, theirs: Result) -> str:
    """One line of the table."""
    cells = [name]
    for result in (ours, theirs):
        seconds = f"> {LONGEST_S:.0f} (killed)" if result.exit_s is None else f"{result.exit_s:.1f}"
        cells += [f"{result.lost:,}", f"{result.doubled:,}", seconds]
    return "| " + " | ".join(cells) + " |"


def table(rows: Sequence[str], spans: int) -> str:
    """The table with its heading, and what it was measured with."""
    about = (
        f"{spans:,} spans recorded on each side. AutoOps {version('autoops')}, Langfuse SDK {version('langfuse')},"
        f" Python {platform.python_version()}, {os.cpu_count()} cores. `uv run python benchmarks/faults.py`"
    )
    heading = "| the server | AutoOps: lost | doubled | exit, s | SDK: lost | doubled | exit, s |"
    return "\n".join([about, "", heading, "|---|--:|--:|--:|--:|--:|--:|", *rows])


def main() -> None:
    """Measure, print, and keep a whole run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="faults whose name holds this text; nothing is written")
    parser.add_argument("--spans", type=int, default=1_000, help="spans that each side records")
    options = parser.parse_args()
    rows = []
    for name, fault in FAULTS.items():
        if options.only in name:
            rows.append(row(name, measure(fault, AUTOOPS, options.spans), measure(fault, SDK, options.spans)))
            print(rows[-1], flush=True)
    written = table(rows, options.spans)
    print(f"\n{written}")
    if not options.only:
        document = DOCUMENT.read_text(encoding="utf-8")
        before, _, rest = document.partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{written}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
