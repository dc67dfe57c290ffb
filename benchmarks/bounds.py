"""What the foundation promises never to exceed, measured: memory, waits, the speed of catching up.

    uv run python benchmarks/bounds.py [--spans 1000000] [--json]

Each case runs in a process of its own, on a journal of its own. A missed bound is printed as missed, and the exit code
is 1.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autoops.tracing import LangfuseConfig, LangfuseIntegrationService

INPUT: Final = {"product": "PROD_123", "stock": 12, "prices": [1.5, 2.5], "note": "x" * 700}
OUTCOME: Final = {"order": 5, "reason": "y" * 300}
MB: Final = 1e6
NOBODY: Final = "http://127.0.0.1:9"
BACKLOG: Final = 100_000


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000, help="spans of the long run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        logging.disable(logging.WARNING)
        CASES[asked.case](Path(asked.folder), asked.spans)
        return
    rows = [row for case in CASES for row in measure(case, asked.spans)]
    if asked.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            verdict = "ok" if row["ok"] else "MISSED"
            print(f"{row['what']:<72} {row['value']:>10.2f} {row['unit']:<8} {row['bound']:<10} {verdict}")
    sys.exit(not all(row["ok"] for row in rows))


def measure(case: str, spans: int) -> list[dict[str, Any]]:
    """Run one case in a child; what it printed, and how long it lived after it said that it was done."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--case", case, "--folder", folder, "--spans", str(spans)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        rows = []
        ended_work = None
        for line in child.stdout or ():
            told = json.loads(line)
            if "done" in told:
                ended_work = time.monotonic()
            else:
                rows.append(told)
        child.wait()
        if ended_work is not None:
            rows.append(
                _row("exit with a black hole and a full backlog", time.monotonic() - ended_work, "s", 2.2)
            )
        return rows


def long_run(folder: Path, spans: int) -> None:
    """Many spans through one process with the server away."""
    service = _service(folder)
    early = 0.0
    for number in range(spans // 10):
        _trace(service, number)
        if number == spans // 100:
            early = _rss_mb()
    peak = _peak_mb()
    _say(_row(f"peak memory of {spans:,} spans, server away", peak, "MB", 250))
    _say(_row("growth after the first tenth", _rss_mb() - early, "MB", 100))
    _check_nothing_dropped(service)
    service.shutdown(0.1)


def burst(folder: Path, spans: int) -> None:
    """A thousand payloads of 1 MB at once."""
    payloads = min(spans, 1000)
    service = _service(folder)
    payload = "z" * 1_000_000
    trace_id = service.create_simulation_trace({"type": "burst"})
    for _ in range(payloads):
        service.end_agent_span(service.start_agent_span("inventory", "burst", trace_id, payload))
    peak = _peak_mb()
    _say(_row(f"peak memory of {payloads:,} payloads of 1 MB in a burst", peak, "MB", 200))
    _check_nothing_dropped(service)
    service.shutdown(0.1)


def timeouts(folder: Path, spans: int) -> None:
    """Calls with a timeout against a server that accepts and never answers; then the end of the process."""
    del spans
    hole = socket.create_server(("127.0.0.1", 0))
    service = _service(folder, host=f"http://127.0.0.1:{hole.getsockname()[1]}")
    for number in range(BACKLOG // 10):
        _trace(service, number)
    for timeout in (0.1, 1.0):
        began = time.monotonic()
        service.flush(timeout)
        _say(_row(f"flush({timeout}) against a black hole", time.monotonic() - began, "s", timeout + 0.2))
    other = _service(folder / "other", host=f"http://127.0.0.1:{hole.getsockname()[1]}")
    _trace(other, 0)
    began = time.monotonic()
    other.shutdown(1.0)
    _say(_row("shutdown(1.0) against a black hole", time.monotonic() - began, "s", 1.2))
    _say({"done": True})


def backlog(folder: Path, spans: int) -> None:
    """How fast an outage's backlog is delivered to a server in a process of its own."""
    del spans
    code = "import runpy, sys; runpy.run_path(sys.argv[1])['serve']()"
    server = subprocess.Popen([sys.executable, "-c", code, __file__], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip() if server.stdout else ""
        service = _service(folder, host=f"http://127.0.0.1:{port}")
        service.client.enable_fallback_mode("the backlog is being made")
        for number in range(BACKLOG // 10):
            _trace(service, number)
        service.client.writer.flush(time.monotonic() + 60)  # type: ignore[union-attr]
        began = time.monotonic()
        service.client.disable_fallback_mode()
        if not service.flush(120):
            raise SystemExit("the backlog was not delivered")
        rate = BACKLOG / (time.monotonic() - began)
        _say(_row(f"delivery of a backlog of {BACKLOG:,} spans", rate, "spans/s", 5000, at_least=True))
        service.shutdown()
    finally:
        server.kill()


def serve() -> None:
    """A server that reads what it is sent and takes it; prints its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            """Take an export."""
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.endswith("/v1/traces"):
                ExportTraceServiceRequest.FromString(gzip.decompress(body))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever).start()
    print(server.server_port, flush=True)


CASES: Final = {"long": long_run, "burst": burst, "timeouts": timeouts, "backlog": backlog}


def _service(folder: Path, host: str = NOBODY) -> LangfuseIntegrationService:
    return LangfuseIntegrationService(
        LangfuseConfig(
            public_key="pk-lf-bounds",
            secret_key="sk-lf-bounds",  # noqa: S106 - of no project
            host=host,
            journal=str(folder / "journal.db"),
            max_latency_ms=10_000,  # wait for room rather than drop: the figures are of what was kept
        )
    )


def _trace(service: LangfuseIntegrationService, number: int) -> None:
    trace_id = service.create_simulation_trace({"type": "low_stock", "product": number})
    for _ in range(9):
        service.end_agent_span(service.start_agent_span("inventory", "reorder", trace_id, INPUT), OUTCOME)
    service.finalize_trace(trace_id or "", {"ok": True})


def _check_nothing_dropped(service: LangfuseIntegrationService) -> None:
    dropped = sum(service.health_check()["dropped"].values())
    _say(_row("… dropped on the way", dropped, "spans", 0))


def _row(what: str, value: float, unit: str, bound: float, *, at_least: bool = False) -> dict[str, Any]:
    ok = value >= bound if at_least else value <= bound
    return {
        "what": what,
        "value": value,
        "unit": unit,
        "bound": f"{'≥' if at_least else '≤'} {bound:g}",
        "ok": ok,
    }


def _peak_mb() -> float:
    # Not getrusage's: that remembers what the process had before it became this program, as the copy of its parent.
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1e3


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MB


def _say(told: dict[str, Any]) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
