"""The pages in a real browser, on real journals."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from journals import INJECTION, recording

from autoops.dashboard.source import Source
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import outbox
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser
pytest_plugins = ["webpage"]

READY = "window.did_handshake"
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"


def opened(page: Page, url: str) -> Page:
    """Open a page and wait until it answers."""
    page.goto(url)
    page.wait_for_function(READY)
    return page


def rows(page: Page) -> Locator:
    """Return the traces of the list."""
    return page.locator(".trace-row")


def spans(page: Page) -> Locator:
    """Return the spans of a trace that are in the document."""
    return page.locator(".span-row")


def expect(locator: Locator) -> Any:
    """Return Playwright's assertions, which wait."""
    from playwright.sync_api import expect as waiting

    return waiting(locator)


class TestList:
    """The list of traces."""

    def test_newest_first_a_page_at_a_time(self, page: Page, shop: Any) -> None:
        """Older and newer pages, none with more than fifty; the address brings a page back."""
        opened(page, shop.address)
        expect(rows(page)).to_have_count(50)
        expect(page.locator(".title-note")).to_have_text("114 traces")
        assert rows(page).first.get_attribute("data-trace") == shop.event.trace_id

        page.get_by_role("button", name="Older").click()
        expect(rows(page).first).to_have_attribute("data-trace", shop.older[46].trace_id)
        page.get_by_role("button", name="Older").click()
        expect(rows(page)).to_have_count(14)
        expect(page.get_by_role("button", name="Older")).to_be_hidden()

        opened(page, page.url)
        expect(rows(page)).to_have_count(14)
        page.get_by_role("button", name="Newer").click()
        expect(rows(page).first).to_have_attribute("data-trace", shop.older[46].trace_id)
        page.get_by_role("button", name="Newest").click()
        expect(rows(page).first).to_have_attribute("data-trace", shop.event.trace_id)
        assert page.evaluate("location.search") == ""

    def test_filters_live_in_the_address(self, page: Page, shop: Any) -> None:
        """A choice narrows the list, changes the address, and comes back from it; so does the way back."""
        opened(page, shop.address)
        page.get_by_label("Level").select_option("ERROR")
        expect(rows(page)).to_have_count(2)
        page.get_by_label("Agent").select_option("pricing")
        expect(rows(page)).to_have_count(1)
        assert "level=ERROR" in page.url

        opened(page, page.url)
        expect(page.get_by_label("Agent")).to_have_value("pricing")
        expect(rows(page)).to_have_count(1)
        expect(page.locator(".title-note")).to_have_text("1 trace matches")
        page.get_by_role("link", name="Clear").click()
        expect(rows(page)).to_have_count(50)

    def test_back_goes_back_to_the_filter_before(self, page: Page, shop: Any) -> None:
        """Each choice is a step of the browser's history."""
        opened(page, shop.address)
        page.get_by_label("Decision").select_option("routine_order")
        expect(page.locator(".title-note")).to_have_text("111 traces match")
        page.get_by_label("Level").select_option("ERROR")
        expect(page.get_by_role("heading", name="No trace is like this")).to_be_visible()

        page.go_back()

        expect(page.locator(".title-note")).to_have_text("111 traces match")

    def test_text_is_found_while_it_is_typed(self, page: Page, shop: Any) -> None:
        """In payloads too; the field keeps what was typed."""
        opened(page, shop.address)
        page.keyboard.press("/")
        page.keyboard.type("left to the plan", delay=15)
        expect(rows(page)).to_have_count(1)
        expect(page.get_by_role("searchbox")).to_have_value("left to the plan")
        assert rows(page).first.get_attribute("data-trace") == shop.failure.trace_id

    def test_session_is_a_link_to_its_traces(self, page: Page, shop: Any) -> None:
        """And a chip that takes the filter away."""
        opened(page, shop.address)
        page.get_by_role("link", name="run-7").click()
        expect(rows(page)).to_have_count(1)
        page.locator(".chip").click()
        expect(rows(page)).to_have_count(50)

    def test_what_runs_and_what_failed_is_marked(self, page: Page, shop: Any) -> None:
        """Running with its time so far, errors and warnings with their number."""
        opened(page, shop.address)
        row = page.locator(f"[data-trace='{shop.running.trace_id}']")
        expect(row).to_contain_text("Running")
        expect(row.locator(".trace-duration")).to_have_text(re.compile(r"^\d+ (s|min)$"))
        expect(page.locator(f"[data-trace='{shop.failure.trace_id}']")).to_contain_text("1 error")
        expect(page.locator(f"[data-trace='{shop.event.trace_id}']")).to_contain_text("1 warning")

    def test_keyboard_alone_leads_to_a_span(self, page: Page, shop: Any) -> None:
        """Past the navigation by the skip link, along rows by arrows, into a trace, along its spans."""
        opened(page, shop.address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        rows(page).first.locator(".trace-name").focus()
        page.keyboard.press("ArrowDown")
        expect(rows(page).nth(1).locator(".trace-name")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/trace/{shop.failure.trace_id}")
        page.wait_for_function(READY)
        page.get_by_role("tree").focus()
        page.keyboard.press("ArrowDown")
        expect(page.locator(".panel-head")).to_contain_text("pricing.reprice")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(spans(page)).to_have_count(1)
        page.keyboard.press("ArrowRight")
        expect(spans(page)).to_have_count(2)


class TestTrace:
    """One trace."""

    def test_link_to_a_span_shows_its_decision(self, page: Page, shop: Any) -> None:
        """Type, confidence, reasoning, before and after, payload, score, delivery, ids."""
        opened(page, f"{shop.address}/?decision=routine_order")
        rows(page).first.locator(".trace-name").click()
        page.wait_for_function("document.querySelector('.waterfall')")
        page.wait_for_function(READY)
        spans(page).filter(has_text="inventory.routine_order").click()
        page.wait_for_url("**?span=*")

        opened(page, page.url)

        panel = page.locator(".trace-panel")
        expect(panel.locator(".decision")).to_contain_text("routine_order")
        expect(panel.locator(".decision")).to_contain_text("82 %")
        expect(panel.locator(".decision")).to_contain_text("lead time is 3 days")
        expect(panel.locator(".changes tr").nth(1)).to_have_text(
            "Whole milk 1 l, North24→60capped at shelf life"
        )
        expect(panel.get_by_label("Input", exact=True)).to_contain_text('"on_hand": 18')
        expect(panel).to_contain_text("confidence")
        expect(panel).to_contain_text("Local: recorded without credentials")
        expect(page.locator(".span-row.is-selected")).to_contain_text("inventory.routine_order")
        page.get_by_label("Copy the span's id").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert f"span={copied}" in page.url

    def test_error_shows_message_and_stack(self, page: Page, shop: Any) -> None:
        """What was raised, and where."""
        opened(page, f"{shop.address}/trace/{shop.failure.trace_id}")
        spans(page).nth(1).click()
        expect(page.locator(".message")).to_contain_text("elasticity is not identified")
        expect(page.locator(".stack")).to_contain_text("Traceback")

    def test_filter_hides_branches_that_do_not_match(self, page: Page, shop: Any) -> None:
        """What is left is the match and the way down to it; the address holds the filter."""
        opened(page, f"{shop.address}/trace/{shop.event.trace_id}")
        expect(spans(page)).to_have_count(6)
        page.get_by_role("searchbox").fill("alpha")
        expect(spans(page)).to_have_count(3)
        expect(page.locator(".trace-note")).to_have_text("1 span found, with the spans above.")
        expect(page.locator(".span-row.is-dim")).to_have_count(2)
        opened(page, page.url)
        expect(spans(page)).to_have_count(3)
        page.get_by_role("searchbox").fill("")
        expect(spans(page)).to_have_count(6)
        page.get_by_label("Spans to show").select_option("problems")
        expect(spans(page)).to_have_count(2)

    def test_five_thousand_spans_stay_usable(self, page: Page, shop: Any) -> None:
        """Folded at first; unfolded, the document holds what is in sight and no more; the needle is found."""
        opened(page, f"{shop.address}/trace/{shop.big.trace_id}")
        expect(page.locator(".waterfall-count")).to_have_text("101 of 5000 shown")
        expect(spans(page).filter(has_text="day 7")).to_contain_text("1 error inside")
        page.get_by_role("button", name="Expand all").click()
        expect(page.locator(".waterfall-count")).to_have_text("5000 shown")
        page.get_by_role("tree").focus()
        page.keyboard.press("End")
        expect(page.locator(".span-row.is-selected")).to_contain_text("inventory.step")
        assert spans(page).count() < 100
        page.get_by_role("searchbox").fill("the needle")
        expect(page.locator(".waterfall-count")).to_have_text("3 shown")
        needle = spans(page).last.get_attribute("data-span")
        spans(page).last.click()
        expect(page.locator(".message")).to_have_text("the needle")
        # The address follows the choice a moment later.
        page.wait_for_url(lambda url: f"span={needle}" in url)

        opened(page, page.url)

        expect(page.locator(".span-row.is-selected")).to_contain_text("inventory.step 7")

    def test_link_into_a_folded_branch_unfolds_it(self, page: Page, shop: Any) -> None:
        """The span that the address names is in sight."""
        opened(page, f"{shop.address}/trace/{shop.big.trace_id}?only=problems")
        needle = spans(page).last.get_attribute("data-span")

        opened(page, f"{shop.address}/trace/{shop.big.trace_id}?span={needle}")

        expect(page.locator(f"[data-span='{needle}']")).to_be_visible()
        expect(page.locator(".waterfall-count")).to_have_text("150 of 5000 shown")

    def test_decisions_of_one_name_are_told_apart(self, page: Page, shop: Any) -> None:
        """The tree says what each was about."""
        opened(page, f"{shop.address}/trace/{shop.event.trace_id}")
        expect(spans(page).filter(has_text="inventory.routine_order")).to_contain_text("on_hand 18")

    def test_unknown_trace_and_unknown_span(self, page: Page, shop: Any) -> None:
        """A sentence, not a fault; so at any address that is no page's."""
        answer = page.goto(f"{shop.address}/tracs")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        assert answer is not None
        assert answer.status == 404
        page.goto(f"{shop.address}/trace/{'0' * 32}")
        expect(page.get_by_role("heading", name="No such trace")).to_be_visible()
        opened(page, f"{shop.address}/trace/{shop.event.trace_id}?span={'0' * 16}")
        expect(page.locator(".trace-note")).to_have_text(f"This trace has no span {'0' * 16}.")


def test_no_page_scrolls_sideways(page: Page, shop: Any) -> None:
    """Neither on a desk nor on a phone."""
    for path in (
        "/",
        "/?q=milk",
        f"/trace/{shop.event.trace_id}",
        f"/trace/{shop.big.trace_id}",
        "/health",
        "/?q=zzz",
    ):
        opened(page, shop.address + path)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_function(f"{OVERFLOW} <= 0")


def test_colours_are_the_readers_choice(page: Page, shop: Any) -> None:
    """As the system has them until one chooses; the choice outlives the page."""
    opened(page, shop.address)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    switch = page.locator(".theme-switch")
    switch.click()
    switch.click()
    opened(page, f"{shop.address}/health")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_health_tells_state_numbers_processes_and_journal(page: Page, shop: Any) -> None:
    """Of a journal that stays local, written by a process that runs."""
    opened(page, f"{shop.address}/health")
    expect(page.locator(".verdict")).to_contain_text("Recorded locally")
    expect(page.locator(".tile").first).to_contain_text("in 114 traces")
    expect(page.locator(".grid")).to_contain_text("Running")
    expect(page.get_by_text(shop.recorder.writer.journal, exact=True)).to_be_visible()
    expect(page.locator(".delivery")).to_have_text("Local only")


def test_health_of_a_delivery_that_fails(page: Page, empty: Any) -> None:
    """Since when, why and what to do; what waits and for how long; what was refused, with the server's words."""
    config = LangfuseConfig(public_key="pk-lf-page", secret_key="sk-lf-page", host="https://langfuse.example")
    with recording(empty.path, config) as recorder:
        recorder.writer.healths = [
            lambda: {
                "connection_status": "unavailable",
                "mode": "fallback",
                "fallback_mode": True,
                "host": config.host,
                "active_traces": 2,
                "active_spans": 3,
                "delivery": {
                    "last_error": "HTTP 401: Invalid credentials",
                    "hint": "check both keys",
                    "unavailable_since": time.time() - 700,
                    "is_deliverer": True,
                },
                "dropped": {"buffer_full": 4},
                "latency_ms": {"p50": 0.02, "p99": 1.5},
                "alerts": [{"kind": "connection", "message": "Langfuse does not answer"}],
            }
        ]
        root = recorder.event(at_ms=-125_000)
        recorder.commit()
        store = Source(str(empty.path)).store()
        outbox.reject(store, 1, SPAN, 1, 422, INJECTION)

        opened(page, f"{empty.address}/health")

        verdict = page.locator(".verdict.is-bad")
        expect(verdict).to_contain_text("Langfuse has not taken traces since")
        expect(verdict).to_contain_text("(11 min ago)")
        expect(verdict).to_contain_text("https://langfuse.example: HTTP 401: Invalid credentials")
        expect(verdict).to_contain_text("Check both keys.")
        expect(verdict).to_contain_text("Nothing is lost: 5 spans wait in the journal")
        expect(page.locator(".tile", has_text="Waiting")).to_contain_text("oldest 2 min ago, and 1 score")
        expect(page.locator(".card", has_text="Dropped")).to_contain_text("buffer full")
        refused = page.locator(".card", has_text="Refused by Langfuse")
        expect(refused).to_contain_text(INJECTION)
        expect(page.locator(".card", has_text="Alerts")).to_contain_text("Langfuse does not answer")
        expect(page.locator(".card", has_text="Processes")).to_contain_text("20 µs / 1.5 ms")
        expect(page.locator(".card", has_text="Where traces go")).to_contain_text("pk-lf-page")
        expect(page.locator(".delivery.is-bad")).to_have_text("Not delivering")
        assert page.evaluate(OVERFLOW) <= 0
        refused.get_by_role("link").click()
        page.wait_for_url(f"**/trace/{root.trace_id}?span=*")
        expect(page.locator(".trace-panel")).to_contain_text("HTTP 422")


class TestAlive:
    """What changes while one looks."""

    def test_page_fills_by_itself(self, page: Page, empty: Any) -> None:
        """From no journal to its first trace without a click; nothing is created by looking."""
        opened(page, empty.address)
        expect(page.get_by_role("heading", name="No journal yet")).to_be_visible()
        expect(page.get_by_text("uv run autoops simulate")).to_be_visible()
        assert not empty.path.exists()
        with recording(empty.path) as recorder:
            recorder.event()
            recorder.commit()
            expect(rows(page)).to_have_count(1)
            expect(page.locator(".delivery")).to_have_text("Local only")

    def test_news_arrives_without_moving_what_is_read(self, page: Page, empty: Any) -> None:
        """On top while one looks at the top; behind a button while one reads; a running trace ends in place."""
        with recording(empty.path) as recorder:
            running = recorder.begin("day_started", at_ms=0)
            recorder.commit()
            opened(page, empty.address)
            expect(rows(page)).to_have_count(1)
            recorder.event(at_ms=1)
            recorder.commit()
            expect(rows(page)).to_have_count(2)
            rows(page).last.locator(".trace-name").focus()
            recorder.event(at_ms=2)
            recorder.end(running, ms=9000)
            recorder.commit()
            expect(page.get_by_role("button", name="1 new — show")).to_be_visible()
            expect(rows(page)).to_have_count(2)
            expect(rows(page).last).to_contain_text("9 s")
            expect(rows(page).last.locator(".trace-name")).to_be_focused()
            page.get_by_role("button", name="1 new — show").click()
            expect(rows(page)).to_have_count(3)

    def test_running_trace_grows(self, page: Page, empty: Any) -> None:
        """Spans appear as they end, and what was chosen stays chosen."""
        with recording(empty.path) as recorder:
            root = recorder.begin("day_started")
            first = recorder.begin("pricing.propose", root, type="agent", agent="pricing")
            recorder.commit()
            opened(page, f"{empty.address}/trace/{root.trace_id}?span={first.id}")
            expect(page.locator(".trace-head")).to_contain_text("Running")
            expect(spans(page)).to_have_count(2)
            recorder.decision(root)
            recorder.end(first, ms=5, output={"price": 2.84})
            recorder.commit()
            expect(spans(page)).to_have_count(3)
            expect(page.locator(".trace-panel")).to_contain_text('"price": 2.84')
            expect(page.locator(".span-row.is-selected")).to_contain_text("pricing.propose")
            recorder.end(root, ms=100)
            recorder.commit()
            expect(page.locator(".trace-head")).not_to_contain_text("Running")

    def test_a_decision_shows_what_became_of_it(self, page: Page, empty: Any) -> None:
        """Verdict and realised effect, which come when its trace has long ended, with what was seen and measured."""
        with recording(empty.path) as recorder:
            root = recorder.begin("day_started")
            decision = recorder.decision(root)
            recorder.end(root, ms=100)
            recorder.commit()
            recorder.score(
                decision, "verdict", '"borne_out"', kind="CATEGORICAL", comment="2 of 2 not sold out"
            )
            recorder.score(decision, "realised_effect", "97.5", comment="margin on units sold beyond")
            recorder.commit()
            opened(page, f"{empty.address}/trace/{root.trace_id}?span={decision.id}")

            panel = page.locator(".trace-panel")
            expect(panel).to_contain_text("borne_out")
            expect(panel).to_contain_text("2 of 2 not sold out")
            expect(panel).to_contain_text("97.5")
            expect(panel).to_contain_text("margin on units sold beyond")

    def test_payload_is_text_and_a_large_one_is_cut(self, page: Page, empty: Any) -> None:
        """Nothing out of a journal becomes part of the document; all of a payload is a click away."""
        with recording(empty.path) as recorder:
            root = recorder.begin(INJECTION, given={INJECTION: INJECTION}, agent=INJECTION, type="agent")
            root.trace.session_id = INJECTION
            root.trace.tags = (INJECTION,)
            root.status_message = INJECTION
            root.decision = INJECTION
            root.attributes["odd"] = INJECTION
            recorder.end(root, ms=1, output={"items": [f"item {number}" for number in range(5000)]})
        opened(page, empty.address)
        expect(rows(page).locator(".trace-name")).to_have_text(INJECTION)
        expect(page.get_by_label("Agent")).to_contain_text(INJECTION)
        rows(page).locator(".trace-name").click()
        page.wait_for_url("**/trace/*")
        page.wait_for_function(READY)
        expect(page.locator(".message")).to_have_text(INJECTION)
        expect(page.locator("h1")).to_have_text(INJECTION)
        output = page.get_by_label("Output", exact=True)
        expect(output).not_to_contain_text("item 4999")
        page.get_by_role("button", name="Show all").click()
        expect(output).to_contain_text("item 4999")
        assert page.evaluate("window.hacked") is None
