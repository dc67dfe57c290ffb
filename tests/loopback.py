"""A Langfuse server on loopback: real HTTP, real OTLP protobuf, behaviour that a test can switch.

It speaks what delivery needs of Langfuse's public API and answers as the real server does: Basic
auth, 400 for a whole batch with one ill-formed id, 207 for a batch of scores. What it keeps follows
Langfuse too: a span sent twice with the same start replaces itself, see `LoopbackServer.spans`.

    with LoopbackServer() as server:
        ...                         # deliver to server.url
        server.wait_for_spans(3)

For hand tests: ``python tests/loopback.py --port 0`` prints its URL, its keys and a line per batch.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from endpoint import Answer, Endpoint, Manner, json_answer
from received import IllFormedError, ReceivedRequest, ReceivedScore, ReceivedSpan, decode_spans, read_score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

TRACES = "/api/public/otel/v1/traces"
INGESTION = "/api/public/ingestion"
SCORES = "/api/public/scores"
PROJECTS = "/api/public/projects"
HEALTH = "/api/public/health"

SECRET_KEY = "sk-lf-loopback"
PROJECT_ID = "project-on-loopback"
PEM = Path(__file__).with_name("loopback.pem")
"""Key and certificate of 127.0.0.1 and localhost, which nobody vouches for but itself."""
PATIENCE_S = 15.0  # longest a test waits for something that should happen


def unused_url() -> str:
    """Return a loopback URL on which nothing listens: connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class LoopbackServer:
    """A context manager that serves on 127.0.0.1 until it is left.

    Args:
        public_key: Accepted public key; default: one of its own, so that servers of one process
            never share the SDK's per-key state.
        secret_key: Accepted secret key.
        port: Port to bind; 0 chooses a free one.
        certificate: Speak TLS with the key and certificate in this file.
        on_batch: Called with one line of text per accepted request.
    """

    def __init__(
        self,
        public_key: str | None = None,
        secret_key: str = SECRET_KEY,
        *,
        port: int = 0,
        certificate: Path | None = None,
        on_batch: Callable[[str], None] | None = None,
    ) -> None:
        self.public_key = public_key or f"pk-lf-{uuid.uuid4()}"
        self.secret_key = secret_key
        self._http = Endpoint(("127.0.0.1", port), self.answer, certificate)
        self._scheme = "http" if certificate is None else "https"
        self._on_batch = on_batch
        self._changed = threading.Condition()
        self._open_gate = threading.Event()
        self._open_gate.set()
        self._failure: _Failure | None = None
        self._delay_s = 0.0
        self._refused: Callable[[ReceivedSpan], bool] | None = None
        self._refusal = 400
        self._left_out = 0
        self._arrivals: list[ReceivedSpan] = []
        self._scores: dict[tuple[str, str], ReceivedScore] = {}
        self._requests: list[ReceivedRequest] = []
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, name="loopback", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        self._http.shutdown()
        self._http.server_close()
        self._http.drop_connections()
        self._thread.join()

    # What it received

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """The value for ``LANGFUSE_HOST``."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many TCP connections were ever opened to it."""
        return self._http.accepted

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, refused ones included, in order of arrival."""
        with self._changed:
            return list(self._requests)

    @property
    def arrivals(self) -> list[ReceivedSpan]:
        """Every span of every accepted batch, repetitions included."""
        with self._changed:
            return list(self._arrivals)

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans as Langfuse keeps them: the newest for each trace, id and start, by start."""
        kept = {(span.trace_id, span.span_id, span.start_ns): span for span in self.arrivals}
        return sorted(kept.values(), key=lambda span: span.start_ns)

    @property
    def scores(self) -> list[ReceivedScore]:
        """The scores as Langfuse keeps them: one for each name and id."""
        with self._changed:
            return list(self._scores.values())

    def trace(self, trace_id: str | None) -> list[ReceivedSpan]:
        """Return the kept spans of one trace, by start."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def span(self, span_id: str | None) -> ReceivedSpan:
        """Return the one kept span with this id; it fails when there is none, or two."""
        found = [span for span in self.spans if span.span_id == span_id]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} spans {span_id} kept, expected one")
        return found[0]

    def wire(self) -> bytes:
        """Return the decoded bodies of all requests, one after the other: to search for secrets."""
        return b"\n".join(request.body for request in self.requests)

    # Waiting

    def wait_for(
        self, happened: Callable[[], bool], what: str = "the condition", timeout: float = PATIENCE_S
    ) -> None:
        """Wait until `happened()`; it is asked again after each request.

        Raises:
            AssertionError: It did not within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(happened, timeout):
                raise AssertionError(f"waited {timeout} s for {what}; {self._summary()}")

    def wait_for_spans(self, count: int, timeout: float = PATIENCE_S) -> list[ReceivedSpan]:
        """Wait until at least `count` different spans are kept; return all of them."""
        self.wait_for(lambda: len(self.spans) >= count, f"{count} spans", timeout)
        return self.spans

    def wait_for_scores(self, count: int, timeout: float = PATIENCE_S) -> list[ReceivedScore]:
        """Wait until at least `count` different scores are kept; return all of them."""
        self.wait_for(lambda: len(self.scores) >= count, f"{count} scores", timeout)
        return self.scores

    def wait_for_requests(self, count: int, path: str = "/", timeout: float = PATIENCE_S) -> None:
        """Wait for at least `count` requests, answered or not, whose path begins with `path`."""
        self.wait_for(
            lambda: sum(r.path.startswith(path) for r in self.requests) >= count,
            f"{count} requests to {path}",
            timeout,
        )

    # Misbehaving

    def fail(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b'{"message":"told to fail"}',
        *,
        path: str = "/",
        times: int | None = None,
    ) -> None:
        """Answer `status` to every request below `path`: the next `times` ones, or until `heal()`."""
        with self._changed:
            self._failure = _Failure(Answer(status, body, dict(headers or {})), path, times)

    def hang(self) -> None:
        """Take requests in and don't answer until `release()` or `heal()`."""
        self._open_gate.clear()

    def release(self) -> None:
        """Answer the requests that `hang()` holds, and later ones at once."""
        self._open_gate.set()

    def delay(self, seconds: float) -> None:
        """Answer every request `seconds` late; 0 ends it."""
        self._delay_s = seconds

    def refuse(self, poison: Callable[[ReceivedSpan], bool], status: int = 400) -> None:
        """Answer `status` to every batch with a span for which `poison(span)` holds, until `heal()`."""
        with self._changed:
            self._refused, self._refusal = poison, status

    def leave_out(self, number: int) -> None:
        """Accept each batch but the last `number` of its spans, and say so as OTLP does, until `heal()`."""
        self._left_out = number

    def misbehave(self, manner: Manner) -> None:
        """Answer in a bad manner until `heal()`."""
        self._http.behave(manner)

    def heal(self) -> None:
        """Behave: no failure, no delay, nothing held, nothing refused, good manners."""
        with self._changed:
            self._failure = None
            self._refused = None
        self._delay_s = 0.0
        self._left_out = 0
        self._http.behave(Manner.WELL)
        self.release()

    # Answering, on the connection's thread

    def answer(self, request: ReceivedRequest) -> Answer:
        """Record `request` and say what to send back."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        self._http.forget_if_silent()
        self._open_gate.wait()
        if self._delay_s:
            threading.Event().wait(self._delay_s)
        with self._changed:
            answer = self._told_to_fail(request.path) or self._routed(request)
            self._changed.notify_all()
        return answer

    def _told_to_fail(self, path: str) -> Answer | None:
        failure = self._failure
        if failure is None or not path.startswith(failure.path):
            return None
        if failure.times is not None:
            failure.times -= 1
            if failure.times <= 0:
                self._failure = None
        return failure.answer

    def _routed(self, request: ReceivedRequest) -> Answer:
        path = urlsplit(request.path).path
        if path == HEALTH:
            return json_answer(200, {"status": "OK", "version": "4.16.0"})
        route = {
            ("POST", TRACES): self._take_spans,
            ("POST", INGESTION): self._take_batch,
            ("POST", SCORES): self._take_score,
            ("GET", PROJECTS): self._projects,
        }.get((request.method, path))
        if route is None:
            return json_answer(404, {"message": "Not Found"})
        expected = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return json_answer(
                401, {"message": "Invalid credentials. Confirm that you've configured the correct host."}
            )
        try:
            return route(request)
        except (IllFormedError, ValueError, KeyError, TypeError) as error:
            return json_answer(400, {"message": f"{type(error).__name__}: {error}"})

    def _take_spans(self, request: ReceivedRequest) -> Answer:
        if not request.readable:
            raise IllFormedError("content-encoding must be gzip or identity")
        if "application/x-protobuf" not in request.headers.get("content-type", ""):
            raise IllFormedError("content-type must be application/x-protobuf")
        if int(request.headers.get("x-langfuse-ingestion-version", "0")) > 4:
            raise IllFormedError("x-langfuse-ingestion-version must be at most 4")
        spans = decode_spans(request.body)
        if self._refused is not None and any(map(self._refused, spans)):
            return json_answer(self._refusal, {"message": "told to refuse one of its spans"})
        if spans and self._left_out:
            self._arrivals += spans[: -self._left_out]
            told = {
                "rejectedSpans": min(len(spans), self._left_out),
                "errorMessage": "told to leave some out",
            }
            return json_answer(200, {"partialSuccess": told})
        self._arrivals += spans
        if not spans:
            return json_answer(200, {})
        self._say(f"{len(spans)} spans of {len({s.trace_id for s in spans})} traces, {request.size} bytes")
        return json_answer(200, {"name": "otel-ingestion-job", "id": str(uuid.uuid4())})

    def _take_batch(self, request: ReceivedRequest) -> Answer:
        successes, errors = [], []
        for event in json.loads(request.body)["batch"]:
            try:
                if event["type"] not in {"score-create", "sdk-log"}:
                    raise IllFormedError(f"{event['type']} is not accepted in events_only mode")
                if event["type"] == "score-create":
                    self._keep_score(event["body"], event["timestamp"])
                successes.append({"id": event["id"], "status": 201})
            except (IllFormedError, ValueError, KeyError, TypeError) as error:
                errors.append({"id": event.get("id"), "status": 400, "message": f"{error!r}"})
        self._say(f"{len(successes)} events taken, {len(errors)} refused")
        return json_answer(207, {"successes": successes, "errors": errors})

    def _take_score(self, request: ReceivedRequest) -> Answer:
        body = json.loads(request.body)
        if isinstance(body, list):  # as SDK 5 sends them
            return self._take_scores(body)
        score = self._keep_score(body, None)
        self._say(f"score {score.name}")
        return json_answer(200, {"id": score.id})

    def _take_scores(self, bodies: list[Any]) -> Answer:
        errors = []
        for body in bodies:
            try:
                self._keep_score(body, None)
            except (IllFormedError, ValueError, KeyError, TypeError) as error:
                errors.append({"message": f"{error!r}"})
        self._say(f"{len(bodies) - len(errors)} scores taken, {len(errors)} refused")
        if errors:
            counts = {"accepted": len(bodies) - len(errors), "rejected": len(errors)}
            return json_answer(207, counts | {"errors": errors})
        return json_answer(202, {"message": "Accepted"})

    def _keep_score(self, body: Mapping[str, Any], timestamp: str | None) -> ReceivedScore:
        score = read_score(body, timestamp)
        self._scores[score.name, score.id] = score
        return score

    def _projects(self, _: ReceivedRequest) -> Answer:
        organization = {"id": "organization-on-loopback", "name": "loopback"}
        project = {"id": PROJECT_ID, "name": "loopback", "organization": organization, "metadata": {}}
        return json_answer(200, {"data": [project]})

    def _say(self, line: str) -> None:
        if self._on_batch is not None:
            self._on_batch(line)

    def _summary(self) -> str:
        last = [f"{request.method} {request.path}" for request in self._requests[-5:]]
        return f"kept {len(self.spans)} spans, {len(self._scores)} scores; last requests {last}"


@dataclass
class _Failure:
    answer: Answer
    path: str
    times: int | None


def main() -> None:
    """Serve until interrupted, for hand tests."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 chooses one")
    port: int = parser.parse_args().port
    with LoopbackServer("pk-lf-loopback", port=port, on_batch=_print) as server:
        _print(f"LANGFUSE_HOST={server.url}")
        _print(f"LANGFUSE_PUBLIC_KEY={server.public_key}")
        _print(f"LANGFUSE_SECRET_KEY={server.secret_key}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            _print("stopped")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
