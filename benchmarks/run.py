"""Runs every benchmark, one after the other, and writes what they found into docs/performance.md.

    uv run python benchmarks/run.py [--quick] [--only NAME,…] [--output FILE]

Take nothing from a machine that is busy with other work: ratios stand it to a degree, latencies and rates do not.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measure import add_size, machine, note, shown, size_of

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "performance.md"
PROMISED = (
    "caller_cost",
    "call_off",
    "durable",
    "delivered",
    "call_latency",
    "simulation_cost",
    "import_time",
    "idle",
    "bytes_per_span",
    "throttle",
)
"""In the order of the table of promises."""
EXPLAINED = ("serialize", "hot_path")
"""Not promised: they say where the time goes."""
LOADED = 2.0


def main() -> None:
    """Run what is asked for and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_size(parser)
    parser.add_argument("--only", help="benchmarks to run, with commas; all by default")
    parser.add_argument("--output", type=Path, default=PAGE, help="where to write the page")
    options = parser.parse_args()
    names = [*PROMISED, *EXPLAINED] if options.only is None else options.only.split(",")
    passed = [
        part
        for name in ("rounds", "scale", "peers")
        if (value := getattr(options, name)) is not None
        for part in (f"--{name}", str(value))
    ]
    if options.quick:
        passed.append("--quick")
    before = machine()
    if before["load"] > LOADED:
        note(f"the machine is busy (load {before['load']}): figures will be worse than they are")
    found = {name: run(name, passed) for name in names}
    command = " ".join(["uv run python benchmarks/run.py", *passed])
    options.output.write_text(page(found, before, command, is_full=size_of(options).scale >= 1.0))
    for name, record in found.items():
        for figure in record["figures"]:
            print(
                f"{figure['verdict']:<16} {name}: {figure['what']}: {shown(figure['value'], figure['unit'])}"
            )
    note(f"written to {options.output}")


def run(name: str, passed: list[str]) -> dict[str, Any]:
    """Run one benchmark in a process of its own; one that fails is shown as failed."""
    note(f"{name} …")
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--json", *passed],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    note(f"{name}: {time.monotonic() - began:.0f} s")
    if ended.returncode:
        failed = {"what": name, "value": None, "unit": "", "must": "", "aim": "", "verdict": "FAILED"}
        return {
            "title": name,
            "figures": [failed],
            "columns": [],
            "rows": [],
            "notes": ["It did not run to its end."],
        }
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told


def page(found: dict[str, dict[str, Any]], where: dict[str, Any], command: str, *, is_full: bool) -> str:
    """The page: what was promised first, then each benchmark's table."""
    lines = ["# Performance", ""]
    if not is_full:
        lines += ["**A smoke run: sizes are cut, its figures say little.**", ""]
    lines += [
        "What recording costs, measured beside its peers in the same run. Everything here is written by one command;",
        "nothing is edited by hand, and what was missed stays in the table.",
        "",
        "```bash",
        command,
        "```",
        "",
        (
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {where['processor']}, {where['cores']} cores, {where['system']}, "
            f"Python {where['python']}; load when it began: {where['load']}. "
            "Versions of the peers stand behind their names."
        ),
        "",
        "| figure | must | aim | measured | verdict |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| [{figure['what']}](#{_anchor(record['title'])}) | {figure['must'] or '-'} | {figure['aim'] or '-'} "
        f"| {shown(figure['value'], figure['unit'])} | {_verdict(figure['verdict'])} |"
        for record in found.values()
        for figure in record["figures"]
    ]
    for name, record in found.items():
        lines += ["", f"## {record['title']}", "", f"`uv run python benchmarks/{name}.py`", ""]
        lines += [*_table(record), *(f"- {said}" for said in record["notes"])]
    return "\n".join(lines) + "\n"


def _table(record: dict[str, Any]) -> list[str]:
    columns = record["columns"]
    if not columns:
        return []
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for row in record["rows"]:
        cells = [*row, *[""] * (len(columns) - len(row))]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return [*lines, ""]


def _verdict(word: str) -> str:
    return f"**{word}**" if word.isupper() else word


def _anchor(title: str) -> str:
    """The fragment by which a heading is linked to."""
    kept = "".join(each for each in title.lower() if each.isalnum() or each in " -")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    main()
