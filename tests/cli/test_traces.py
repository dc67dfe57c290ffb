"""`autoops traces …`: list, show, deliver, export and delete, for people and for scripts."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from desk import KEYS, Desk
from loopback import LoopbackServer, unused_url
from terminal import on_terminal
from typer.testing import CliRunner

from autoops.cli import app
from autoops.errors import AutoOpsError
from autoops.tracing.journal import outbox, reader
from autoops.tracing.journal.schema import SPAN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typer.testing import Result

MARKUP = "[/oops] [bold red]sale[/]"
"""A name that a careless table would take for its own markup."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def desk(path: Path) -> Desk:
    """A journal with three traces: one in order, one that failed, one named to confuse."""
    made = Desk(path, **KEYS)
    spike = made.begin("demand_spike", given={"product": "Bananas"})
    spike.trace.session_id, spike.trace.user_id, spike.trace.tags = "run-1", "store-17", ("a",)
    step = made.begin(
        "pricing.propose", spike, {"price": 2.99}, type="agent", agent="pricing", operation="propose"
    )
    decision = made.begin("pricing.markdown", step, type="span", agent="pricing", operation="markdown")
    decision.decision, decision.confidence = "markdown", 0.82
    decision.set_attribute("langfuse.observation.metadata.reasoning", "fresh until Monday")
    made.score(decision)
    decision.end()
    step.end()
    spike.output = b'{"final_outcome":"restock"}'
    spike.end()
    failed = made.begin("low_stock")
    failed.trace.session_id = "run-2"
    failed.fail(ValueError("no supplier"))
    failed.end()
    made.span(MARKUP)
    made.commit()
    return made


def run(
    *arguments: str, code: int = 0, typed: str | None = None, env: Mapping[str, str] | None = None
) -> Result:
    """Run a command, which must end with `code`, and without a traceback."""
    result = CliRunner().invoke(
        app, ["traces", *arguments], input=typed, env={"COLUMNS": "200", **(env or {})}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, AutoOpsError), result.exception
        assert code == 1, result.exception
    else:
        assert result.exit_code == code, result.output
    return result


def as_json(*arguments: str, env: Mapping[str, str] | None = None) -> Any:
    """What a command prints with `--json`."""
    return json.loads(run(*arguments, "--json", env=env).stdout)


def keys_for(server: LoopbackServer) -> dict[str, str]:
    """The variables of a server."""
    return {
        "LANGFUSE_HOST": server.url,
        "LANGFUSE_PUBLIC_KEY": server.public_key,
        "LANGFUSE_SECRET_KEY": server.secret_key,
    }


class TestList:
    """Traces, newest first."""

    def test_for_people(self, desk: Desk, path: Path) -> None:
        """Names as they are, whatever they hold; errors are counted."""
        out = run("list", "--journal", str(path)).output

        assert MARKUP in out
        lines = [line for line in out.splitlines() if "_" in line or "[" in line]
        assert [MARKUP in lines[0], "low_stock" in lines[1], "demand_spike" in lines[2]] == [True] * 3
        assert "1 error" in lines[1]
        assert "run-1" in lines[2]
        assert reader.count_traces(desk.store) == 3

    @pytest.mark.usefixtures("desk")
    def test_for_scripts(self, path: Path) -> None:
        """All that a summary has."""
        traces = as_json("list", "--journal", str(path))

        spike = traces[-1]
        assert [trace["name"] for trace in traces] == [MARKUP, "low_stock", "demand_spike"]
        assert (spike["session_id"], spike["user_id"], spike["tags"]) == ("run-1", "store-17", ["a"])
        assert (spike["spans"], spike["errors"], spike["state"], spike["sampled"]) == (3, 0, "ended", True)

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            (["--agent", "pricing"], ["demand_spike"]),
            (["--type", "agent"], ["demand_spike"]),
            (["--level", "error"], ["low_stock"]),
            (["--text", "bananas"], ["demand_spike"]),
            (["--session", "run-2"], ["low_stock"]),
            (["--user", "store-17"], ["demand_spike"]),
            (["--user", "nobody"], []),
            (["--limit", "1"], [MARKUP]),
        ],
    )
    @pytest.mark.usefixtures("desk")
    def test_filters(self, path: Path, options: list[str], names: list[str]) -> None:
        """Each option narrows the list."""
        assert [trace["name"] for trace in as_json("list", *options, "--journal", str(path))] == names

    @pytest.mark.usefixtures("desk")
    def test_a_cut_list_says_so(self, path: Path) -> None:
        """And how to see more."""
        assert "--limit" in run("list", "--limit", "2", "--journal", str(path)).output
        assert "--limit" not in run("list", "--limit", "3", "--journal", str(path)).output

    def test_refusals(self, desk: Desk, path: Path) -> None:
        """What the server refused, with its words; or that there is nothing."""
        assert "nothing was refused" in run("list", "--rejected", "--journal", str(path)).output
        due = outbox.due_spans(desk.store, 1, 1, 1 << 20, newest_first=False)
        outbox.reject(desk.store, 1, SPAN, due[0].seq, 400, "too [/strange]")

        assert "too [/strange]" in run("list", "--rejected", "--journal", str(path)).output
        (row,) = as_json("list", "--rejected", "--journal", str(path))
        assert (row["status"], row["message"], row["kind"]) == (400, "too [/strange]", "span")

    @pytest.mark.usefixtures("desk")
    def test_the_journal_of_the_settings(self, path: Path) -> None:
        """`AUTOOPS_JOURNAL` is read when no `--journal` is given."""
        assert len(as_json("list", env={"AUTOOPS_JOURNAL": str(path)})) == 3

    @pytest.mark.parametrize(
        "options", [["--level", "loud"], ["--limit", "0"], ["--limit", "many"], ["--what"]]
    )
    @pytest.mark.usefixtures("desk")
    def test_mistakes(self, path: Path, options: list[str]) -> None:
        """Exit code 2."""
        run("list", *options, "--journal", str(path), code=2)

    def test_without_a_journal(self, path: Path) -> None:
        """It is said, and none is made by looking."""
        result = run("list", "--journal", str(path), code=1)

        assert "there is no journal at" in str(result.exception)
        assert not path.exists()


class TestShow:
    """One trace."""

    def test_for_people(self, desk: Desk, path: Path) -> None:
        """A tree with types, times, confidence and reasons."""
        wanted = reader.list_traces(desk.store).traces[-1].trace_id
        out = run("show", wanted, "--journal", str(path)).output

        depth = {
            line.split("(")[0].strip("│├└─ ").strip(): len(line) - len(line.lstrip("│├└─ "))
            for line in out.splitlines()
        }
        assert depth["demand_spike"] < depth["pricing.propose"] < depth["pricing.markdown"]
        assert "confidence 0.82" in out
        assert "fresh until Monday" in out

    def test_for_scripts(self, desk: Desk, path: Path) -> None:
        """Payloads as values; where each span stands on its way."""
        wanted = reader.list_traces(desk.store).traces[-1].trace_id
        trace = as_json("show", wanted, "--journal", str(path))

        spans = {span["name"]: span for span in trace["spans"]}
        assert spans["demand_spike"]["output"] == {"final_outcome": "restock"}
        assert spans["pricing.propose"]["input"] == {"price": 2.99}
        assert {span["delivery"] for span in spans.values()} == {"pending"}
        assert [score["value"] for score in trace["scores"]] == [0.5]
        assert trace["truncated"] is False

    def test_names_that_look_like_markup(self, desk: Desk, path: Path) -> None:
        """Are shown as they are."""
        wanted = reader.list_traces(desk.store).traces[0].trace_id

        assert MARKUP in run("show", wanted, "--journal", str(path)).output

    def test_the_beginning_of_an_id(self, desk: Desk, path: Path) -> None:
        """In either case, also as a list prints it."""
        wanted = reader.list_traces(desk.store).traces[0].trace_id

        assert as_json("show", wanted[:12].upper(), "--journal", str(path))["trace_id"] == wanted
        assert as_json("show", wanted[:12] + "…", "--journal", str(path))["trace_id"] == wanted

    def test_what_is_not_there(self, desk: Desk, path: Path) -> None:
        """One line that says so; of several that begin alike, which."""
        assert "there is no trace" in str(run("show", "f" * 32, "--journal", str(path), code=1).exception)
        ids = [trace.trace_id for trace in reader.list_traces(desk.store).traces]
        told = str(run("show", "", "--journal", str(path), code=1).exception)
        assert "3 traces begin with" in told
        assert all(each in told for each in ids)

    def test_hostile_shapes(self, path: Path) -> None:
        """Spans whose parents never came, or that are their own ancestors, are all shown."""
        desk = Desk(path)
        root = desk.begin("root")
        one, two = desk.span("one", root), desk.span("two", root)
        orphan = desk.span("orphan", desk.provider.remote(root.trace.trace_id, 0xABC))
        root.end()
        desk.commit()
        desk.execute("UPDATE spans SET parent_span_id = ? WHERE span_id = ?", two.id, one.id)
        desk.execute("UPDATE spans SET parent_span_id = ? WHERE span_id = ?", one.id, two.id)

        out = run("show", root.trace_id, "--journal", str(path)).output

        assert orphan.name in out
        assert "one" in out
        assert "two" in out


class TestDeliver:
    """Sending what waits."""

    def record(self, server: LoopbackServer, path: Path, *names: str) -> None:
        """Leave spans that were never sent."""
        desk = Desk(path, host=server.url, public_key=server.public_key, secret_key=server.secret_key)
        for name in names:
            desk.score(desk.span(name))
        desk.commit()
        desk.store.close()

    def test_everything_that_waits(self, server: LoopbackServer, path: Path) -> None:
        """Spans and scores; a second time there is nothing left."""
        self.record(server, path, "a", "b")

        told = as_json("deliver", "--journal", str(path), env=keys_for(server))
        assert told == {"delivered": 4, "remaining": 0, "reason": None, "moved": 0, "elsewhere": []}
        assert sorted(span.name for span in server.spans) == ["a", "b"]
        assert "0 delivered, 0 remain." in run("deliver", "--journal", str(path), env=keys_for(server)).output

    def test_what_remains_is_told_with_the_reason(self, server: LoopbackServer, path: Path) -> None:
        """Exit code 1, and nothing is lost."""
        self.record(server, path, "a")
        environment = keys_for(server) | {"LANGFUSE_MAX_RETRIES": "0"}
        server.fail(401)

        out = run("deliver", "--journal", str(path), code=1, env=environment).output
        assert "0 delivered, 2 remain: HTTP 401" in out
        assert "LANGFUSE_SECRET_KEY" in out

        server.heal()
        run("deliver", "--journal", str(path), env=environment)
        assert [span.name for span in server.spans] == ["a"]

    def test_a_server_that_is_away(self, server: LoopbackServer, path: Path) -> None:
        """It ends in time and says why."""
        self.record(server, path, "a")
        environment = keys_for(server) | {"LANGFUSE_MAX_RETRIES": "0"}
        server.hang()

        out = run("deliver", "--timeout", "0.5", "--journal", str(path), code=1, env=environment).output

        assert "2 remain: time is up" in out

    def test_what_was_refused_is_tried_again_if_asked(self, server: LoopbackServer, path: Path) -> None:
        """Otherwise it stays as it is."""
        self.record(server, path, "good", "poison")
        server.refuse(lambda span: span.name == "poison")
        run("deliver", "--journal", str(path), env=keys_for(server))
        server.heal()
        run("deliver", "--journal", str(path), env=keys_for(server))
        assert [span.name for span in server.spans] == ["good"]

        told = as_json("deliver", "--retry-rejected", "--journal", str(path), env=keys_for(server))

        assert told["delivered"] == 1
        assert sorted(span.name for span in server.spans) == ["good", "poison"]

    @pytest.mark.usefixtures("desk")
    def test_without_credentials_or_switched_off(self, path: Path) -> None:
        """Nothing is sent, and it is said what to set."""
        told = run("deliver", "--journal", str(path), code=1)
        assert "LANGFUSE_PUBLIC_KEY" in str(told.exception)
        told = run("deliver", "--journal", str(path), code=1, env={"LANGFUSE_ENABLED": "false"})
        assert "LANGFUSE_ENABLED" in str(told.exception)

    @pytest.mark.usefixtures("desk")
    def test_other_destinations_rows_are_not_sent(self, server: LoopbackServer, path: Path) -> None:
        """What was recorded for another project stays for it."""
        told = as_json("deliver", "--journal", str(path), env=keys_for(server))

        assert told["delivered"] == 0
        assert server.spans == []


class TestExport:
    """Traces as JSON lines."""

    @pytest.mark.usefixtures("desk")
    def test_to_a_file_for_the_owner_only(self, tmp_path: Path, path: Path) -> None:
        """A line for each trace, whole."""
        file = tmp_path / "traces.jsonl"
        result = run("export", str(file), "--journal", str(path))

        traces = [json.loads(line) for line in file.read_text().splitlines()]
        assert [trace["name"] for trace in traces] == [MARKUP, "low_stock", "demand_spike"]
        assert len(traces[-1]["spans"]) == 3
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "3 traces written" in result.stderr

    @pytest.mark.parametrize(
        ("options", "number"), [([], 3), (["--level", "error"], 1), (["--user", "nobody"], 0)]
    )
    @pytest.mark.usefixtures("desk")
    def test_to_standard_output(self, path: Path, options: list[str], number: int) -> None:
        """Nothing but the lines, filtered like a list."""
        out = run("export", "-", *options, "--journal", str(path)).stdout

        assert len([json.loads(line) for line in out.splitlines()]) == number

    def test_more_than_a_page(self, path: Path, tmp_path: Path) -> None:
        """All of them."""
        desk = Desk(path)
        for number in range(230):
            desk.provider.begin(f"{number}", parent=None, start_ns=number // 3).end()
        desk.commit()
        run("export", str(tmp_path / "all.jsonl"), "--journal", str(path))

        lines = (tmp_path / "all.jsonl").read_text().splitlines()
        assert len({json.loads(line)["trace_id"] for line in lines}) == len(lines) == 230


class TestWidth:
    """Text is never cut without a sign: it wraps on a terminal and is whole in a pipe."""

    LONG = "Of 12 on hand 4 expire tonight, so the order covers the reorder point with 3 days until the next delivery"

    def told(self, path: Path) -> None:
        """Record a long reasoning."""
        desk = Desk(path)
        span = desk.begin("pricing.order")
        span.set_metadata({"reasoning": self.LONG})
        span.end()
        desk.commit()

    def test_in_a_pipe(self, tmp_path: Path) -> None:
        """One line each."""
        self.told(tmp_path / "wide.db")

        assert self.LONG in run("show", "", "--journal", str(tmp_path / "wide.db")).output

    def test_on_a_terminal(self, tmp_path: Path) -> None:
        """Every word is there, in 80 columns."""
        self.told(tmp_path / "wide.db")

        code, screen = on_terminal("traces", "show", "", "--journal", str(tmp_path / "wide.db"))

        assert code == 0
        assert [word for word in self.LONG.split() if word not in screen] == []

    def test_nothing_to_list(self, path: Path, desk: Desk) -> None:
        """Is said."""
        del desk
        assert "no trace matches" in run("list", "--user", "nobody", "--journal", str(path)).output


class TestDelete:
    """Deleting, with a question first."""

    @pytest.mark.parametrize(
        ("options", "gone"),
        [
            (["--session", "run-1"], "demand_spike"),
            (["--user", "store-17"], "demand_spike"),
            (["--session", "run-2"], "low_stock"),
        ],
    )
    def test_by_mark(self, desk: Desk, path: Path, options: list[str], gone: str) -> None:
        """What bears it goes; the rest stays."""
        out = run("delete", *options, "--yes", "--journal", str(path)).output

        assert "1 trace with" in out
        left = [trace.name for trace in reader.list_traces(desk.store).traces]
        assert gone not in left
        assert len(left) == 2

    def test_by_id(self, desk: Desk, path: Path) -> None:
        """Its beginning is enough, if it is the only one."""
        wanted = reader.list_traces(desk.store).traces[0].trace_id
        assert as_json("delete", "--trace", wanted[:20].upper(), "--yes", "--journal", str(path)) == {
            "traces": 1,
            "spans": 1,
        }
        assert "2 traces begin with" in str(
            run("delete", "--trace", "", "--yes", "--journal", str(path), code=1).exception
        )
        assert reader.count_traces(desk.store) == 2

    @pytest.mark.parametrize(("answer", "left", "code"), [("y\n", 2, 0), ("n\n", 3, 1), ("", 3, 2)])
    def test_it_asks_first(self, desk: Desk, path: Path, answer: str, left: int, code: int) -> None:
        """No, and no answer, delete nothing; where nobody can be asked, that is a mistake in the call."""
        told = run("delete", "--session", "run-1", "--journal", str(path), typed=answer, code=code)

        assert reader.count_traces(desk.store) == left
        assert ("say --yes" in told.output) is (code == 2)

    def test_scripts_must_say_yes(self, desk: Desk, path: Path) -> None:
        """With --json nobody is asked: without --yes nothing is deleted."""
        assert "--yes" in run("delete", "--session", "run-1", "--json", "--journal", str(path), code=2).output
        assert reader.count_traces(desk.store) == 3

    def test_nothing_to_delete(self, desk: Desk, path: Path) -> None:
        """Is said, and is no success."""
        assert "no such trace" in str(
            run("delete", "--user", "nobody", "--yes", "--journal", str(path), code=1).exception
        )
        assert "--session" in run("delete", "--yes", "--journal", str(path), code=2).output
        assert reader.count_traces(desk.store) == 3


def test_a_server_nobody_needs_is_never_asked(path: Path) -> None:
    """Listing opens no connection, whatever the keys say."""
    Desk(path).store.close()

    run(
        "list",
        "--journal",
        str(path),
        env={
            "LANGFUSE_HOST": unused_url(),
            "LANGFUSE_PUBLIC_KEY": "pk-lf-x",
            "LANGFUSE_SECRET_KEY": "sk-lf-x",
        },
    )
