"""Reading: lists in pages, filters, whole traces, what other processes may still end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from desk import KEYS, Desk
from hypothesis import given, settings
from hypothesis import strategies as st

from autoops.errors import JournalDamaged, JournalError
from autoops.tracing.journal import caretaker, outbox, reader
from autoops.tracing.journal.opening import open_store
from autoops.tracing.journal.reader import TraceFilter
from autoops.tracing.journal.schema import SPAN
from autoops.tracing.span import COLLABORATION

if TYPE_CHECKING:
    from pathlib import Path

    from autoops.tracing.span import Span


@pytest.fixture
def desk() -> Desk:
    """A desk on a journal in memory, without credentials."""
    return Desk(open_store("off"))


def names(desk: Desk, wanted: TraceFilter) -> list[str]:
    """Names of the traces that a filter finds, in the order of their names."""
    found = reader.list_traces(desk.store, wanted).traces
    assert reader.count_traces(desk.store, wanted) == len(found)
    return sorted(str(trace.name) for trace in found)


class TestPaging:
    """Every trace once, whatever the ties."""

    @given(starts=st.lists(st.integers(0, 4), max_size=25), limit=st.integers(1, 7))
    @settings(max_examples=50)
    def test_pages_cover_everything_once(self, starts: list[int], limit: int) -> None:
        """Newest first; traces that began at the same nanosecond are neither repeated nor left out."""
        desk = Desk(open_store("off"))
        for start in starts:
            desk.provider.begin("x", parent=None, start_ns=start).end()
        desk.commit()

        seen: list[tuple[int, str]] = []
        after = None
        while True:
            page = reader.list_traces(desk.store, limit=limit, after=after)
            assert len(page.traces) <= limit
            seen += [(trace.start_ns, trace.trace_id) for trace in page.traces]
            after = page.next
            if after is None:
                break

        assert seen == sorted(set(seen), reverse=True)
        assert sorted(start for start, _ in seen) == sorted(starts)
        assert reader.count_traces(desk.store) == len(starts)

    def test_a_newer_trace_moves_no_page(self, desk: Desk) -> None:
        """What begins while somebody pages is not in the pages that follow, and pushes nothing into them."""
        for start in range(4):
            desk.provider.begin(f"{start}", parent=None, start_ns=start).end()
        desk.commit()
        first = reader.list_traces(desk.store, limit=2)
        desk.provider.begin("newer", parent=None, start_ns=99).end()
        desk.commit()

        second = reader.list_traces(desk.store, limit=2, after=first.next)

        assert [trace.name for trace in (*first.traces, *second.traces)] == ["3", "2", "1", "0"]
        assert second.next is None


class TestFilters:
    """Conditions on one span of the trace, and on the trace."""

    @pytest.fixture
    def filled(self, desk: Desk) -> Desk:
        """Three traces that differ in everything."""
        first = desk.begin("demand_spike", given={"product": "Bananas"})
        first.trace.session_id, first.trace.user_id = "run-1", "store-17"
        desk.span("pricing.propose", first, type="agent", agent="pricing", operation="propose")
        first.end()
        second = desk.begin("low_stock", given={"product": "Milk 50%_off"})
        second.trace.session_id = "run-2"
        failed = desk.begin("inventory.order", second, type="agent", agent="inventory", operation="order")
        failed.fail(ValueError("no supplier"))
        failed.end()
        decision = desk.begin("inventory.reorder", second, type="span", agent="inventory")
        decision.decision, decision.confidence = "reorder", 0.4
        decision.end()
        second.end()
        third = desk.begin("chat", given="plain", type="generation")
        third.output = b'{"text":"say \\"hi\\" to C:\\\\temp"}'
        third.set_attribute("langfuse.observation.metadata.reasoning", "a rainy day")
        third.end()
        desk.commit()
        return desk

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (TraceFilter(), ["chat", "demand_spike", "low_stock"]),
            (TraceFilter(agent="pricing"), ["demand_spike"]),
            (TraceFilter(type="generation"), ["chat"]),
            (TraceFilter(level="ERROR"), ["low_stock"]),
            (TraceFilter(session_id="run-1"), ["demand_spike"]),
            (TraceFilter(user_id="store-17"), ["demand_spike"]),
            (TraceFilter(decision="reorder"), ["low_stock"]),
            (TraceFilter(agent="inventory", level="ERROR"), ["low_stock"]),
            (TraceFilter(agent="pricing", level="ERROR"), []),
            (TraceFilter(agent="inventory", level="ERROR", decision="reorder"), []),  # two different spans
            (TraceFilter(session_id="run-2", agent="pricing"), []),
            (TraceFilter(agent="pric"), []),
        ],
    )
    def test_fields(self, filled: Desk, wanted: TraceFilter, found: list[str]) -> None:
        """All conditions hold together, those on spans on one and the same span."""
        assert names(filled, wanted) == found

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("bananas", ["demand_spike"]),
            ("BANANAS", ["demand_spike"]),
            ("50%", ["low_stock"]),
            ("50%_OFF", ["low_stock"]),
            ("%", ["low_stock"]),
            ("0_o", []),
            ("_", ["demand_spike", "low_stock"]),
            ("rainy", ["chat"]),
            ("no supplier", ["low_stock"]),
            ("propose", ["demand_spike"]),
            ('"product":"Ban', ["demand_spike"]),
            ('say "hi"', ["chat"]),
            ("C:\\temp", ["chat"]),
            ("nowhere", []),
        ],
    )
    def test_text_is_taken_literally(self, filled: Desk, text: str, found: list[str]) -> None:
        """Names, payloads, reasons; neither `%` nor `_` nor a backslash is a wildcard; JSON's escapes do not matter."""
        assert names(filled, TraceFilter(text=text)) == found

    def test_text_finds_ids(self, filled: Desk) -> None:
        """A part of a trace's or span's id is text too."""
        (trace,) = reader.list_traces(filled.store, TraceFilter(agent="pricing")).traces

        assert names(filled, TraceFilter(text=trace.trace_id[3:25])) == ["demand_spike"]

    def test_rejected(self) -> None:
        """Traces of which the server refused a span."""
        desk = Desk(open_store("off"), **KEYS)
        desk.span("fine")
        desk.span("refused")
        desk.commit()
        due = outbox.due_spans(desk.store, 1, 10, 1 << 20, newest_first=False)
        outbox.reject(desk.store, 1, SPAN, due[1].seq, 400, "too strange")

        assert names(desk, TraceFilter(rejected=True)) == ["refused"]
        (told,) = reader.rejected(desk.store)
        assert (told.kind, told.name, told.status, told.message) == ("span", "refused", 400, "too strange")
        assert told.span_id == due[1].span.span_id


class TestWholeTrace:
    """One trace with everything that belongs to it."""

    def test_spans_stand_in_the_order_of_their_beginning(self, desk: Desk) -> None:
        """Whatever order they were written in."""
        root = desk.begin("event")
        late = desk.begin("late", root)
        early = desk.provider.begin("early", parent=root, start_ns=root.start_ns - 5)
        for span in (late, early, root):
            span.end()
        desk.commit()

        trace = reader.get_trace(desk.store, root.trace_id)

        assert trace is not None
        assert [span.name for span in trace.spans] == ["early", "event", "late"]
        assert {span.parent_span_id for span in trace.spans} == {None, root.id}
        assert not trace.truncated

    def test_a_long_one_is_cut_and_says_so(self, desk: Desk) -> None:
        """Only as many spans as asked for; the summary still counts all."""
        root = desk.begin("event")
        for _ in range(5):
            desk.span("step", root)
        root.end()
        desk.commit()

        trace = reader.get_trace(desk.store, root.trace_id, limit=3)

        assert trace is not None
        assert (len(trace.spans), trace.truncated, trace.summary.spans) == (3, True, 6)
        whole = reader.get_trace(desk.store, root.trace_id, limit=6)
        assert whole is not None
        assert not whole.truncated

    def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one(self, desk: Desk) -> None:
        """An ambiguous beginning finds nothing rather than anything."""
        spans = [desk.span(str(number)) for number in range(40)]
        desk.commit()
        wanted = spans[0].trace_id
        length = next(
            size for size in range(1, 33) if sum(s.trace_id.startswith(wanted[:size]) for s in spans) == 1
        )

        found = reader.get_trace(desk.store, wanted[:length])
        assert found is not None
        assert found.summary.trace_id == wanted
        assert reader.get_trace(desk.store, wanted[: length - 1]) is None
        assert reader.get_trace(desk.store, "xyz") is None
        assert reader.get_trace(desk.store, "0" * 32) is None

    def test_states_and_ways(self) -> None:
        """Open, interrupted, ended; local, sampled out, pending, delivered, rejected."""
        store = open_store("off")
        keyed, local = Desk(store, **KEYS), Desk(store)
        local.span("local")
        out = keyed.begin("sampled out")
        out.trace.sampled = False
        out.end()
        for name in ("delivered", "rejected", "pending"):
            keyed.span(name)
        local.commit()
        keyed.commit()
        due = {each.span.name: each for each in outbox.due_spans(store, 1, 9, 1 << 20, newest_first=False)}
        outbox.spans_delivered(store, 1, [due["delivered"]])
        outbox.reject(store, 1, SPAN, due["rejected"].seq, 400, "no")
        keyed.begin("interrupted")
        keyed.commit()
        keyed.execute("UPDATE processes SET heartbeat_at = heartbeat_at - 100")
        caretaker.end_interrupted(store, 0)
        keyed.begin("open")
        keyed.commit()

        found = {}
        for summary in reader.list_traces(store).traces:
            trace = reader.get_trace(store, summary.trace_id)
            assert trace is not None
            assert trace.spans[0].state == summary.state
            found[summary.name] = (summary.state, trace.spans[0].delivery)
        assert found == {
            "local": ("ended", "local"),
            "sampled out": ("ended", "sampled out"),
            "delivered": ("ended", "delivered"),
            "rejected": ("ended", "rejected"),
            "pending": ("ended", "pending"),
            "interrupted": ("interrupted", "pending"),
            "open": ("open", None),
        }


class TestUnfinished:
    """What another process may still end or join."""

    def begun(self, desk: Desk) -> tuple[Span, Span]:
        """A trace with an agent's span, both open in the journal."""
        root = desk.begin("event", given={"type": "event"})
        agent = desk.begin(
            "pricing.propose", root, {"n": 1}, type="agent", agent="pricing", operation="propose"
        )
        desk.commit()
        return root, agent

    def test_an_open_span_is_found_by_its_id(self, desk: Desk) -> None:
        """With all that it has so far; not once it has ended."""
        root, agent = self.begun(desk)

        found = reader.unfinished_span(desk.store, agent.id)
        assert found is not None
        assert (found[0].name, found[0].input, found[0].parent_span_id) == (
            "pricing.propose",
            '{"n":1}',
            root.id,
        )
        agent.end()
        desk.commit()
        assert reader.unfinished_span(desk.store, agent.id) is None

    def test_an_open_root_is_found_by_its_trace(self, desk: Desk) -> None:
        """The root only, and only while it is open."""
        root, _ = self.begun(desk)

        assert reader.unfinished_root(desk.store, root.trace_id) == root.id
        root.end()
        desk.commit()
        assert reader.unfinished_root(desk.store, root.trace_id) is None

    def test_a_parent_is_the_agents_own_span_or_the_root(self, desk: Desk) -> None:
        """In a collaboration the agent's span while it is open, else the root; nothing for a trace unknown."""
        root = desk.begin("workflow", operation=COLLABORATION)
        own = desk.begin("p", root, type="agent", agent="pricing", operation=COLLABORATION)
        desk.commit()

        assert reader.parent_in(desk.store, root.trace_id, "pricing", COLLABORATION) == own.id
        assert reader.parent_in(desk.store, root.trace_id, "inventory", COLLABORATION) == root.id
        own.end()
        desk.commit()
        assert reader.parent_in(desk.store, root.trace_id, "pricing", COLLABORATION) == root.id
        assert reader.parent_in(desk.store, "0" * 32, "pricing", COLLABORATION) is None


class TestOpening:
    """Journals that are there, to look at."""

    def test_nothing_is_made_by_looking(self, tmp_path: Path) -> None:
        """A missing or empty file is an error, and stays as it is."""
        with pytest.raises(JournalError, match="there is no journal at"):
            reader.open_journal(str(tmp_path / "journal.db"))
        assert list(tmp_path.iterdir()) == []

        (tmp_path / "empty.db").touch()
        with pytest.raises(JournalError, match="there is no journal at"):
            reader.open_journal(str(tmp_path / "empty.db"))
        with pytest.raises(JournalError, match="is off"):
            reader.open_journal("off")

    @pytest.mark.parametrize("name", ["n" * 300, "~nobody.at.all/journal.db"])
    def test_one_that_cannot_be_looked_at_is_said(self, tmp_path: Path, name: str) -> None:
        """As an error of ours, which says where what could not be written there went."""
        with pytest.raises(JournalError, match=str(tmp_path / "home")):
            reader.open_journal(name)

    def test_a_file_that_is_no_journal_is_told_and_left(self, tmp_path: Path) -> None:
        """Reading neither mends nor moves it."""
        path = tmp_path / "notes.txt"
        path.write_text("no database\n" * 100)
        store = reader.open_journal(str(path))

        with pytest.raises(JournalDamaged):
            reader.list_traces(store)

        assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]

    def test_a_journal_that_is_being_written_may_be_read(self, tmp_path: Path) -> None:
        """A reader sees what is committed, at once, and disturbs no writer."""
        writing = Desk(tmp_path / "journal.db")
        reading = reader.open_journal(str(tmp_path / "journal.db"))
        writing.span("first")
        writing.commit()
        assert [trace.name for trace in reader.list_traces(reading).traces] == ["first"]

        writing.span("second")
        writing.commit()

        assert len(reader.list_traces(reading).traces) == 2
        (process,) = reader.processes(reading)
        assert process.health == {}
