"""The thread that delivers: refusals, outages, turns, and that nothing leaves the journal without a receipt."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from children import env_for, running_python
from desk import Desk
from loopback import INGESTION, TRACES, LoopbackServer
from patience import eventually

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.delivery.deliverer import Deliverer
from autoops.tracing.delivery.rules import LONGEST_RETRY_AFTER_S
from autoops.tracing.delivery.sender import FIRST_BATCH
from autoops.tracing.delivery.shared import deliverer_for, leave
from autoops.tracing.delivery.status import Connection
from autoops.tracing.journal import outbox, reader
from autoops.tracing.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONG_S = 30.0


def soon() -> float:
    """A deadline that a healthy delivery meets."""
    return time.monotonic() + LONG_S


class Delivery:
    """A journal, a desk that writes to it, and a deliverer to a server."""

    def __init__(self, path: Path, server: LoopbackServer, **changes: Any) -> None:
        values: dict[str, Any] = {
            "public_key": server.public_key,
            "secret_key": server.secret_key,
            "host": server.url,
            "flush_interval": 0.02,
            "timeout": LONG_S,
            "max_retries": 0,
        }
        self.server = server
        self.config = LangfuseConfig(**(values | changes))
        self.writer = Writer(str(path), buffer_size=100, patience_s=1.0)
        self.deliverer = Deliverer(self.config, self.writer)
        self.desk = Desk(self.writer.store())
        self.desk.provider.configure(self.config)

    def record(self, *names: str) -> None:
        """Commit spans and tell the deliverer."""
        for name in names:
            self.desk.span(name)
        self.desk.commit()
        self.deliverer.poke()

    def record_here(self, name: str) -> None:
        """Have this process's own writer commit a span, as an exit waits for its own only."""
        self.desk.provider.recorder = self.writer
        self.desk.provider.begin(name, parent=None).end()
        assert self.writer.flush(soon())
        self.deliverer.poke()

    def arrived(self) -> list[str]:
        """Names of the spans that the server keeps, sorted."""
        return sorted(span.name for span in self.server.spans)

    def waiting(self) -> int:
        """Rows in the outbox."""
        (count,) = self.desk.rows("SELECT COUNT(*) FROM outbox")[0]
        return int(count)

    def settled(self) -> None:
        """Wait until the outbox is empty."""
        eventually(lambda: self.waiting() == 0, "an empty outbox")

    def is_now(self, connection: Connection) -> None:
        """Wait for a state of the connection."""
        eventually(lambda: self.deliverer.status.connection is connection, str(connection))

    def look_again(self) -> None:
        """Probe now rather than in five seconds."""
        self.deliverer.hold_back(None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def delivery(path: Path, server: LoopbackServer) -> Iterator[Delivery]:
    """A delivery that gives up at the first fault, so that tests need not wait for tries."""
    made = Delivery(path, server)
    yield made
    made.server.heal()
    made.deliverer.stop(soon())
    made.writer.stop(soon())


class TestLeaving:
    """What happens around the moment in which rows leave the outbox."""

    def test_what_was_accepted_while_the_journal_was_locked_is_not_sent_again(
        self, delivery: Delivery, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The receipt is kept until it can be written down. Takes the 5 s that a write waits for another writer."""
        caplog.set_level(logging.DEBUG, "autoops")
        delivery.record("before")
        delivery.settled()
        delivery.deliverer.hold_back("not yet")
        delivery.record("span")
        store = delivery.writer.store()
        locked = threading.Event()
        over = threading.Event()

        def lock() -> None:
            with closing(sqlite3.connect(str(store.location.path), isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                locked.set()
                assert over.wait(LONG_S)
                other.execute("ROLLBACK")

        thread = threading.Thread(target=lock)
        thread.start()
        assert locked.wait(LONG_S)
        delivery.deliverer.hold_back(None)
        delivery.server.wait_for_spans(2)
        eventually(lambda: "is locked by another program" in caplog.text, "a write that gave up")
        over.set()
        thread.join()
        delivery.settled()

        assert [span.name for span in delivery.server.arrivals] == ["before", "span"]

    def test_an_exit_delivers_what_children_left_to_it(self, path: Path, server: LoopbackServer) -> None:
        """Rows of other processes that came since this one began to deliver, however few."""
        delivery = Delivery(path, server, flush_interval=3600.0, flush_at=1000)
        try:
            delivery.record("before")
            delivery.deliverer.hurry()
            delivery.settled()
            delivery.record("of a child")
            delivery.record_here("own")

            assert delivery.deliverer.drain(soon(), wait_out_faults=False)
            assert delivery.arrived() == ["before", "of a child", "own"]
        finally:
            delivery.deliverer.stop(soon())
            delivery.writer.stop(soon())


class TestRefusals:
    """What the server refuses, and what it merely seems to."""

    def test_one_poisonous_span_is_found_and_set_aside(self, delivery: Delivery) -> None:
        """Its neighbours arrive; it is kept with the server's words, and may be tried again."""
        names = [f"span {number}" for number in range(20)]
        delivery.server.refuse(lambda span: span.name == "span 13")
        delivery.record(*names)
        delivery.settled()

        assert delivery.arrived() == sorted(set(names) - {"span 13"})
        (refused,) = reader.rejected(delivery.desk.store)
        assert (refused.name, refused.status) == ("span 13", 400)
        assert "told to refuse" in refused.message
        eventually(lambda: delivery.deliverer.status.rejected == 1, "the refusal to be counted")
        delivery.is_now(Connection.HEALTHY)

        delivery.server.heal()
        outbox.retry_rejected(delivery.desk.store)
        delivery.deliverer.poke()
        delivery.settled()
        assert delivery.arrived() == sorted(names)

    def test_several_poisonous_spans(self, delivery: Delivery) -> None:
        """All are found, wherever they lie."""
        poison = {"0", "1", "17", "31"}
        delivery.server.refuse(lambda span: span.name in poison)
        delivery.record(*map(str, range(32)))
        delivery.settled()

        assert set(delivery.arrived()) == set(map(str, range(32))) - poison
        assert {each.name for each in reader.rejected(delivery.desk.store)} == poison

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_a_server_that_refuses_everything_has_a_fault_of_its_own(
        self, delivery: Delivery, status: int
    ) -> None:
        """Nothing is rejected, nothing is lost: fallback, and all arrives once it is mended."""
        names = [f"span {number}" for number in range(9)]
        delivery.server.fail(status, path=TRACES)
        delivery.record(*names)
        delivery.is_now(Connection.UNAVAILABLE)

        assert reader.rejected(delivery.desk.store) == []
        assert delivery.waiting() == 9
        assert "every part of a batch was refused" in str(delivery.deliverer.status.last_error)

        delivery.server.heal()
        delivery.look_again()
        delivery.settled()
        assert delivery.arrived() == sorted(names)

    def test_a_refused_span_alone_is_not_condemned(self, delivery: Delivery) -> None:
        """Without another that was accepted it may be the server's fault: it waits until there is one."""
        delivery.server.refuse(lambda span: span.name == "poison")
        delivery.record("poison")
        delivery.is_now(Connection.UNAVAILABLE)
        assert reader.rejected(delivery.desk.store) == []

        delivery.record("good")
        delivery.look_again()
        delivery.settled()

        assert delivery.arrived() == ["good"]
        assert [each.name for each in reader.rejected(delivery.desk.store)] == ["poison"]

    def test_a_batch_too_large_for_a_proxy_goes_in_parts(self, delivery: Delivery) -> None:
        """413 with a proxy's own page: halves are sent."""
        delivery.record("warm-up")
        delivery.settled()
        delivery.server.fail(413, {"Content-Type": "text/html"}, b"<html>413</html>", path=TRACES, times=1)

        delivery.record("a", "b", "c")
        delivery.settled()

        assert delivery.arrived() == ["a", "b", "c", "warm-up"]
        assert delivery.deliverer.status.connection is Connection.HEALTHY

    def test_wrong_keys_discard_nothing(self, delivery: Delivery) -> None:
        """401: fallback; a mended secret is used at once."""
        delivery.deliverer.configure(delivery.config.replace(secret_key="sk-lf-wrong"))
        delivery.record("kept")
        delivery.is_now(Connection.UNAVAILABLE)
        assert "LANGFUSE_SECRET_KEY" in str(delivery.deliverer.status.hint)
        assert delivery.waiting() == 1

        delivery.deliverer.configure(delivery.config)
        delivery.settled()

        assert delivery.arrived() == ["kept"]
        assert reader.rejected(delivery.desk.store) == []


class TestOutages:
    """A server that is away, and comes back."""

    def test_from_healthy_to_fallback_and_back(
        self, delivery: Delivery, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line for each change of mode; what was recorded meanwhile arrives."""
        caplog.set_level(logging.WARNING, "autoops")
        delivery.record("before")
        delivery.settled()
        delivery.server.fail(503)
        delivery.record("during")
        delivery.is_now(Connection.UNAVAILABLE)
        status = delivery.deliverer.status
        assert status.unavailable_since is not None
        assert status.next_attempt is not None
        delivery.record("during too")

        delivery.server.heal()
        delivery.look_again()
        delivery.settled()

        delivery.is_now(Connection.HEALTHY)
        assert delivery.arrived() == ["before", "during", "during too"]
        assert delivery.deliverer.status.unavailable_since is None
        said = [each.message for each in caplog.records if each.name == "autoops.tracing.delivery.status"]
        assert [("takes traces again" in each, "does not take" in each) for each in said] == [
            (False, True),
            (True, False),
        ]

    def test_a_first_failure_is_degraded_and_tried_again(self, path: Path, server: LoopbackServer) -> None:
        """Before the tries are used up it is no fallback."""
        delivery = Delivery(path, server, max_retries=5)
        server.fail(503, {"Retry-After": "0"}, path=TRACES, times=2)
        delivery.record("kept")
        delivery.settled()

        assert delivery.arrived() == ["kept"]
        assert delivery.deliverer.status.retries >= 1
        assert delivery.deliverer.status.unavailable_since is None
        delivery.deliverer.stop(soon())

    def test_a_receipt_that_got_lost_repeats_and_doubles_nothing(self, delivery: Delivery) -> None:
        """The server took the batch but its answer never came: it is sent again, and replaces itself."""
        delivery.deliverer.configure(delivery.config.replace(timeout=0.2))
        delivery.record("warm-up")
        delivery.settled()
        delivery.server.delay(1.0)
        delivery.record("twice")
        delivery.is_now(Connection.UNAVAILABLE)
        delivery.server.heal()
        delivery.look_again()
        delivery.settled()

        eventually(lambda: [s.name for s in delivery.server.arrivals].count("twice") == 2, "both arrivals")
        assert delivery.arrived() == ["twice", "warm-up"]

    def test_how_long_a_probe_is_put_off_is_bounded(self, path: Path, server: LoopbackServer) -> None:
        """A server that asks for a day is asked again in an hour, and one that asks for an age does no harm."""
        for asked in ("86400", "9" * 30):
            delivery = Delivery(path, server)
            server.fail(503, {"Retry-After": asked})
            delivery.deliverer.start()
            delivery.is_now(Connection.UNAVAILABLE)

            at = dt.datetime.fromisoformat(str(delivery.deliverer.status.next_attempt))
            assert at <= dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LONGEST_RETRY_AFTER_S)
            delivery.deliverer.stop(soon())

    def test_mended_settings_need_not_wait_for_retry_after(self, path: Path, server: LoopbackServer) -> None:
        """A server asked for an hour's pause; whoever changes the settings is not held up by it, and delivery goes on."""
        delivery = Delivery(path, server, max_retries=3)
        delivery.record("warm-up")
        delivery.settled()
        server.fail(429, {"Retry-After": "3600"}, path=TRACES)
        delivery.record("kept")
        delivery.is_now(Connection.DEGRADED)
        server.heal()

        changing = threading.Thread(
            target=delivery.deliverer.configure, args=(delivery.config.replace(flush_at=2),), daemon=True
        )
        changing.start()
        changing.join(LONG_S)

        assert not changing.is_alive()
        delivery.settled()
        assert delivery.arrived() == ["kept", "warm-up"]
        delivery.deliverer.stop(soon())

    def test_settings_may_change_while_a_request_hangs(self, path: Path, server: LoopbackServer) -> None:
        """The caller does not wait for the request's deadline."""
        delivery = Delivery(path, server, timeout=600.0)
        server.hang()
        delivery.record("kept")
        server.wait_for_requests(1)

        changing = threading.Thread(
            target=delivery.deliverer.configure, args=(delivery.config.replace(flush_at=2),), daemon=True
        )
        changing.start()
        changing.join(LONG_S / 3)

        assert not changing.is_alive()
        server.release()
        delivery.settled()
        delivery.deliverer.stop(soon())


class TestExits:
    """What an exit waits for."""

    def test_not_for_a_server_that_asked_for_patience(self, path: Path, server: LoopbackServer) -> None:
        """The next try is an hour away: waiting half of that would be in vain."""
        delivery = Delivery(path, server, max_retries=3)
        delivery.record("warm-up")
        delivery.settled()
        server.fail(429, {"Retry-After": "3600"}, path=TRACES)
        delivery.record_here("kept")
        delivery.is_now(Connection.DEGRADED)

        assert delivery.deliverer.drain(time.monotonic() + 1800, wait_out_faults=False) is False
        assert delivery.waiting() == 1
        delivery.deliverer.stop(soon())

    def test_not_for_a_server_that_refuses_everything(self, delivery: Delivery) -> None:
        """Nothing can be settled until another span comes."""
        delivery.server.refuse(lambda _: True)
        delivery.record_here("kept")
        delivery.is_now(Connection.UNAVAILABLE)

        assert delivery.deliverer.drain(time.monotonic() + 1800, wait_out_faults=False) is False


class TestWatching:
    """A process whose turn it is not."""

    def test_it_learns_that_the_server_is_back(self, delivery: Delivery) -> None:
        """It sends nothing, but what it says of the server must not be of yesterday."""
        other = Deliverer(delivery.config, delivery.writer)
        delivery.deliverer.start()
        delivery.is_now(Connection.HEALTHY)
        delivery.server.fail(503, {"Retry-After": "0"})
        other.start()
        eventually(lambda: other.status.connection is Connection.UNAVAILABLE, "the failure to be seen")
        assert not other.status.is_deliverer

        delivery.server.heal()

        eventually(lambda: other.status.connection is Connection.HEALTHY, "the return to be seen")
        other.stop(soon())


class TestHoldingBack:
    """Fallback by hand."""

    def test_nothing_is_sent_until_it_is_let_go(self, delivery: Delivery) -> None:
        """Recording goes on."""
        delivery.record("before")
        delivery.settled()
        delivery.deliverer.hold_back("maintenance")
        delivery.record("held")
        assert delivery.deliverer.status.connection is Connection.UNAVAILABLE
        assert delivery.deliverer.status.last_error == "maintenance"
        assert delivery.arrived() == ["before"]

        delivery.deliverer.hold_back(None)
        delivery.settled()

        assert delivery.arrived() == ["before", "held"]

    def test_an_answer_on_its_way_does_not_end_it(self, delivery: Delivery) -> None:
        """A request that was under way may succeed: its rows leave, the mode stays."""
        delivery.record("warm-up")
        delivery.settled()
        so_far = sum(request.path == TRACES for request in delivery.server.requests)
        delivery.server.hang()
        delivery.record("under way")
        delivery.server.wait_for_requests(so_far + 1, TRACES)
        delivery.deliverer.hold_back("maintenance")
        delivery.server.release()
        delivery.settled()
        eventually(lambda: delivery.deliverer.status.delivered == 2, "the receipt")

        assert delivery.deliverer.status.connection is Connection.UNAVAILABLE


class TestLanes:
    """Live traces and the backlog take turns."""

    def test_a_new_trace_is_not_behind_the_backlog(self, delivery: Delivery) -> None:
        """The first batch brings the newest, the second the oldest."""
        for number in range(2 * FIRST_BATCH + 200):
            delivery.desk.span(f"old {number}")
        delivery.desk.commit()
        delivery.record("live")
        delivery.settled()

        names = [span.name for span in delivery.server.arrivals]
        assert len(names) == len(set(names)) == 2 * FIRST_BATCH + 201
        assert names[0] == "live"
        assert names[FIRST_BATCH] == "old 0"


class TestScores:
    """Answers for each score."""

    def test_the_bad_one_is_set_aside_and_the_rest_arrive(self, delivery: Delivery) -> None:
        """207: what was refused is kept with the server's words."""
        span = delivery.desk.span("scored")
        good = delivery.desk.score(span)
        bad = delivery.desk.score(span, value='"words"')
        delivery.record()
        delivery.settled()

        assert [score.id for score in delivery.server.scores] == [good.score_id]
        (refused,) = reader.rejected(delivery.desk.store)
        assert (refused.kind, refused.name, refused.status) == ("score", bad.name, 400)
        eventually(lambda: delivery.deliverer.status.scores_delivered == 1, "the receipt to be counted")

    def test_one_the_server_stumbled_over_is_sent_again(self, delivery: Delivery) -> None:
        """A 500 for a single score is no refusal."""
        score = delivery.desk.score(delivery.desk.span("scored"))
        told = {"successes": [], "errors": [{"id": score.score_id, "status": 500, "message": "oh"}]}
        delivery.server.fail(207, body=json.dumps(told).encode(), path=INGESTION, times=1)
        delivery.record()
        delivery.settled()

        assert [each.id for each in delivery.server.scores] == [score.score_id]
        assert reader.rejected(delivery.desk.store) == []


class TestTurns:
    """Of all that could send, one does."""

    def test_services_of_a_process_share_one(self, path: Path, server: LoopbackServer) -> None:
        """No span is sent twice because two configurations name the same project; the last one's leaving ends it."""
        delivery = Delivery(path, server)
        first = deliverer_for(delivery.config, delivery.writer)
        second = deliverer_for(delivery.config.replace(flush_at=3), delivery.writer)
        assert first is second

        leave(first, soon())
        delivery.desk.span("kept")
        delivery.desk.commit()
        second.poke()
        delivery.settled()
        leave(second, soon())
        delivery.desk.span("later")
        delivery.desk.commit()
        second.poke()

        assert delivery.arrived() == ["kept"]
        assert not second.status.is_deliverer
        delivery.writer.stop(soon())

    def test_one_that_records_nothing_delivers_what_others_do(self, delivery: Delivery) -> None:
        """An idle process that has the turn to send learns of the rows of busy ones."""
        idle = deliverer_for(delivery.config, delivery.writer)
        eventually(lambda: idle.status.connection is Connection.HEALTHY, "a probe")
        assert idle.status.is_deliverer
        busy = Desk(delivery.desk.store)
        busy.provider.configure(delivery.config)
        busy.span("theirs")
        busy.commit()

        delivery.settled()

        assert delivery.arrived() == ["theirs"]
        leave(idle, soon())

    def test_another_takes_over_at_once_when_one_stops(self, delivery: Delivery) -> None:
        """Even while its request hangs, one that stops gives its turn back."""
        delivery.server.hang()
        delivery.record("kept")
        delivery.server.wait_for_requests(1)
        second = Deliverer(delivery.config, delivery.writer)
        second.start()
        delivery.deliverer.stop(time.monotonic())
        delivery.server.release()
        second.poke()
        delivery.settled()

        assert delivery.arrived() == ["kept"]
        second.stop(soon())

    def test_a_flush_hurries_though_another_flush_ends(self, path: Path, server: LoopbackServer) -> None:
        """Two that wait at once do not slow each other down."""
        delivery = Delivery(path, server, flush_interval=600.0, flush_at=1000)
        told: list[bool] = []
        threads = [
            threading.Thread(target=lambda: told.append(delivery.deliverer.drain(soon()))) for _ in range(4)
        ]
        for number, thread in enumerate(threads):
            delivery.desk.span(f"span {number}")
            delivery.desk.commit()
            thread.start()
        for thread in threads:
            thread.join()

        assert told == [True] * 4
        delivery.deliverer.stop(soon())

    def test_a_replaced_journal_is_delivered_too(self, delivery: Delivery, path: Path) -> None:
        """Another file has other numbers for the same destination."""
        stranger = Desk(delivery.writer.store(), public_key="pk-lf-other", secret_key="sk-lf-other")
        stranger.span()
        stranger.commit()
        delivery.record("in the first file")
        eventually(lambda: delivery.arrived() == ["in the first file"], "the first span")
        for each in path.parent.glob("journal.db*"):
            if not each.name.endswith(".lock"):
                each.unlink()
        delivery.record_here("in the second file")

        eventually(lambda: len(delivery.arrived()) == 2, "the second span")


SENDER = """
import json, sys
from config.langfuse_integration import get_langfuse_integration
service = get_langfuse_integration()
print(json.dumps("ready"), flush=True)
number = 0
while True:
    input()
    number += 1
    with service.trace_operation(f"{sys.argv[1]} {number}"):
        pass
    print(json.dumps(service.flush(30)), flush=True)
"""


def test_another_process_takes_over_from_a_killed_one(server: LoopbackServer, path: Path) -> None:
    """The second process delivers through the first one's death, its own spans and what the first left."""
    env = env_for(server, AUTOOPS_JOURNAL=str(path))
    with (
        running_python(SENDER, "first", env=env) as first,
        running_python(SENDER, "second", env=env) as second,
    ):
        assert first.says() == second.says() == "ready"
        first.go_on()
        assert first.says() is True
        second.go_on()
        assert second.says() is True  # settled by the first
        server.hang()
        first.go_on()
        server.wait_for(lambda: b"first 2" in server.wire(), "a request under way")
        first.kill()
        server.release()

        second.go_on()

        assert second.says() is True
        names = sorted(span.name for span in server.wait_for_spans(4))
        assert names == ["first 1", "first 2", "second 1", "second 2"]
