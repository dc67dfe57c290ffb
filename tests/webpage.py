"""Fixtures: the page as a real server in a child process, and Debian's chromium."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from journals import Recorder, recording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000


class PageServer:
    """`autoops dashboard` in a process of its own.

    Attributes:
        address: Of the page, without the last slash.
    """

    def __init__(self, *arguments: str) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTOOPS_", "LANGFUSE_"))
        }
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "autoops.cli", "dashboard", "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        self.said = ""
        self.address = self._wait_for_address()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; return the exit code, at the latest after 15 s."""
        self._process.send_signal(number)
        try:
            rest, _ = self._process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            rest, _ = self._process.communicate()
        self.said += rest.decode()
        return self._process.returncode

    def _wait_for_address(self) -> str:
        assert self._process.stdout is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._process.stdout], [], [], deadline - time.monotonic())
            line = self._process.stdout.readline().decode() if ready else ""
            self.said += line
            if "http://" in line:
                return next(word for word in line.split() if word.startswith("http://"))
            if not line:
                break
        self._process.kill()
        raise AssertionError(f"the page did not start: {self.said}")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, driven by Playwright; the tests that need it are skipped where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need: uv sync")
    if not CHROMIUM.exists():
        pytest.skip("browser tests need Debian's chromium: apt-get install chromium")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def serving(*arguments: str) -> Iterator[PageServer]:
    """Serve the page for the block."""
    server = PageServer(*arguments)
    try:
        yield server
    finally:
        server.end()


class Empty:
    """The page on a journal that is not there yet.

    Attributes:
        path: Where the journal would be.
        address: Of the page.
    """

    def __init__(self, path: Path, address: str) -> None:
        self.path = path
        self.address = address


@pytest.fixture(scope="module")
def empty_page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Empty]:
    """One server for all tests that write their own journal."""
    del chromium  # nothing is served where nobody can look
    path = tmp_path_factory.mktemp("empty") / "journal.db"
    with serving("--journal", str(path)) as server:
        yield Empty(path, server.address)


@pytest.fixture
def empty(empty_page: Empty) -> Empty:
    """The page without a journal: the one of the test before is removed under it."""
    for file in empty_page.path.parent.glob("journal.db*"):
        if file.suffix != ".lock":
            file.unlink()
    return empty_page


class Shop:
    """A journal with a bit of everything, written by a process that goes on running, and the page on it."""

    def __init__(self, recorder: Recorder, address: str) -> None:
        self.recorder = recorder
        self.address = address
        self.event = recorder.event("demand_spike", at_ms=-1_000, session="run-7", tags=("simulation",))
        self.failure = recorder.failure(at_ms=-2_000)
        self.running = recorder.begin("day_started", at_ms=-3_000, given={"day": 12})
        self.big = recorder.big(5000, at_ms=-60_000)
        self.older = [recorder.event("low_stock", at_ms=-100_000 - number) for number in range(110)]
        recorder.commit()


@pytest.fixture(scope="module")
def shop(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The page on a journal of 114 traces. Tests only read it."""
    del chromium  # nothing is served where nobody can look
    path = tmp_path_factory.mktemp("shop") / "journal.db"
    with recording(path) as recorder, serving("--journal", str(path)) as server:
        yield Shop(recorder, server.address)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page of 1280 by 800; the test fails on an error in its scripts or a request to anywhere else."""
    faults: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("request", lambda request: _note_foreign(request.url, faults))
    page.on("websocket", lambda socket: _note_foreign(socket.url, faults))
    yield page
    context.close()
    assert faults == []


def _note_foreign(url: str, faults: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
        faults.append(f"request: {url}")
