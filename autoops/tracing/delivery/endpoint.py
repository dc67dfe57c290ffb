"""Langfuse's HTTP interface: the only file that knows the HTTP client and its errors."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import gzip
import socket
import ssl
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

import httpx
import orjson
from opentelemetry import context as context_api
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY

from autoops.tracing.delivery import tls
from autoops.tracing.delivery.network import Backend, Deadline, NameTimeout
from autoops.tracing.delivery.rules import Outcome
from autoops.tracing.otlp import EMPTY_EXPORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.outbox import DueScore

TRACES: Final = "/api/public/otel/v1/traces"
INGESTION: Final = "/api/public/ingestion"
PROJECTS: Final = "/api/public/projects"

PROBE_TIMEOUT_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 1_000_000
"""An answer is read up to here; Langfuse's are small."""
COMPRESSION: Final = 1
"""zlib's fastest level: a third of the CPU of the default for a tenth more bytes."""


class Endpoint:
    """One Langfuse project, reached over one pooled client.

    Not for use by two threads at once: the deadline belongs to the request under way.
    """

    def __init__(self, config: LangfuseConfig) -> None:
        self._config = config
        self._deadline = Deadline()
        self._client: httpx.Client | None = None

    def export(self, body: bytes, *, timeout_s: float | None = None) -> Outcome:
        """Send an OTLP export request.

        Args:
            body: The encoded request.
            timeout_s: Deadline over connecting, sending and reading; the configured one if None.
        """
        headers = {
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            "accept": "application/json",
        }
        outcome, answer, kind = self._request(
            "POST", TRACES, gzip.compress(body, COMPRESSION, mtime=0), headers, timeout_s
        )
        if outcome.is_success:
            return _with_partial_success(outcome, answer, kind)
        return outcome

    def probe(self, timeout_s: float = PROBE_TIMEOUT_S) -> Outcome:
        """Ask whether an export would be taken, by one of nothing."""
        return self.export(EMPTY_EXPORT, timeout_s=timeout_s)

    def send_scores(
        self, scores: Sequence[DueScore], *, timeout_s: float | None = None
    ) -> tuple[Outcome, dict[str, tuple[int, str]]]:
        """Send scores in one batch.

        Returns:
            How the request ended, and for each score that was not taken (by its id) the status and the server's words.
        """
        body = orjson.dumps({"batch": [_score_event(score) for score in scores]})
        outcome, answer, _ = self._request(
            "POST", INGESTION, body, {"content-type": "application/json"}, timeout_s
        )
        return outcome, _refusals(answer, scores) if outcome.is_success else {}

    def check(self, timeout_s: float) -> tuple[Outcome, str | None]:
        """Ask which project the keys belong to.

        Returns:
            How the request ended, and the project's id if it was told.
        """
        outcome, answer, _ = self._request("GET", PROJECTS, None, {}, timeout_s)
        try:
            return outcome, str(orjson.loads(answer)["data"][0]["id"])
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            return outcome, None

    def close(self) -> None:
        """Close the pooled connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float | None
    ) -> tuple[Outcome, bytes, str]:
        allowed = self._config.timeout if timeout_s is None else timeout_s
        self._deadline.set(allowed)
        answer = bytearray()
        # An application that has httpx traced must not find these requests in its traces: each batch would make another.
        untraced = context_api.attach(context_api.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            client = self._open()
            with client.stream(method, self._config.host + path, content=body, headers=headers) as response:
                for chunk in response.iter_bytes():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        break
                kind = response.headers.get("content-type", "")
                told = self._without_secrets(bytes(answer))
                outcome = _answered(response, told, kind)
                reason = self._without_secrets(outcome.reason.encode()).decode()
                return replace(outcome, reason=reason), told, kind
        except Exception as error:
            return _failed(error, self._config.host, allowed), b"", ""
        finally:
            context_api.detach(untraced)

    def _without_secrets(self, words: bytes) -> bytes:
        """What a server said, without our credentials in it: some echo what they were sent."""
        for secret in (self._config.secret_key, self._basic()):
            if secret:
                words = words.replace(secret.encode(), b"***")
        return words

    def _basic(self) -> str:
        config = self._config
        return base64.b64encode(f"{config.public_key}:{config.secret_key}".encode()).decode()

    def _open(self) -> httpx.Client:
        if self._client is None:
            config = self._config
            headers = httpx.Headers(
                {
                    "user-agent": f"autoops/{_version()}",
                    "x-langfuse-ingestion-version": "4",
                    "x-langfuse-sdk-name": "autoops",
                    "x-langfuse-sdk-version": _version(),
                    "x-langfuse-public-key": config.public_key or "",
                }
            )
            headers.update(config.additional_headers)
            headers["authorization"] = f"Basic {self._basic()}"
            with tls.set_up:
                client = httpx.Client(headers=headers, timeout=config.timeout, follow_redirects=False)
            # The client takes a network backend only through its connection pools, which are private.
            for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - as said
                if isinstance(transport, httpx.HTTPTransport):
                    pool = transport._pool  # noqa: SLF001 - as said
                    pool._network_backend = Backend(pool._network_backend, self._deadline)  # noqa: SLF001 - as said
            self._client = client
        return self._client


def _answered(response: httpx.Response, answer: bytes, kind: str) -> Outcome:
    status = response.status_code
    is_html = "html" in kind or answer.lstrip()[:1] == b"<"
    words = _words(answer) if not is_html else "a web page"
    if 200 <= status < 300 and not is_html and not _is_complete(answer, kind):
        hint = "a proxy may have cut it off or answered instead: check LANGFUSE_HOST and the network"
        return Outcome(
            None, f"HTTP {status} with an answer that is neither JSON, protobuf nor empty", hint=hint
        )
    if is_html:
        reason = f"HTTP {status} with a web page instead of an answer"
        hint = "a captive portal, a login page or a proxy answered: check LANGFUSE_HOST and the network"
    elif 300 <= status < 400:
        reason = f"HTTP {status}, a redirect to {response.headers.get('location', 'elsewhere')!r}; it is not followed"
        hint = "set LANGFUSE_HOST to the address it leads to: keys are not sent on to another one"
    else:
        reason = f"HTTP {status}" + (f": {words}" if words and status >= 300 else "")
        hint = _hint(status)
    return Outcome(
        status, reason, _retry_after_s(response.headers.get("retry-after")), is_html=is_html, hint=hint
    )


def _is_complete(answer: bytes, kind: str) -> bool:
    """Whether the answer is a receipt: a body without a length may have been cut off anywhere."""
    if not answer.strip() or "protobuf" in kind:
        return True
    try:
        orjson.loads(answer)
    except orjson.JSONDecodeError:
        return False
    return True


def _hint(status: int) -> str:
    if status in {401, 403}:
        return (
            "check LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY and that they belong to this LANGFUSE_HOST;"
            " a new key may take 5 minutes to be known"
        )
    if status == 404:
        return "check LANGFUSE_HOST: this server has no Langfuse API there (or is older than 3.22)"
    if status == 429:
        return "the project's rate limit is reached: lower LANGFUSE_SAMPLE_RATE or ask for a higher limit"
    if status >= 500:
        return "the server has a fault of its own: look at its logs or status page"
    return ""


def _failed(error: Exception, host: str, allowed_s: float) -> Outcome:
    """Any error of the HTTP client in plain words; all mean that there is no receipt."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(
        cause, socket.gaierror | NameTimeout | ssl.SSLError | ConnectionRefusedError
    ):
        cause = cause.__cause__ or cause.__context__
    name = httpx.URL(host).host
    if isinstance(cause, socket.gaierror):
        return Outcome(
            None, f"the name {name} cannot be resolved (DNS)", hint="check LANGFUSE_HOST and the network"
        )
    if isinstance(cause, NameTimeout):
        hint = "check the network's name servers and LANGFUSE_HOST"
        return Outcome(
            None, f"the name {name} was not resolved within {allowed_s:g} s (DNS timeout)", hint=hint
        )
    if isinstance(cause, ssl.SSLError):
        words = (
            getattr(cause, "verify_message", "") or getattr(cause, "reason", None) or "the handshake failed"
        )
        hint = "check the server's certificate; for one of your own, point SSL_CERT_FILE at its authority"
        return Outcome(None, f"TLS to {name} failed: {words}", hint=hint)
    if isinstance(cause, ConnectionRefusedError):
        hint = "check that the server runs, the port in LANGFUSE_HOST and the firewall"
        return Outcome(None, f"the connection to {host} was refused", hint=hint)
    if isinstance(error, httpx.TimeoutException):
        hint = "check the network and the firewall, or raise LANGFUSE_TIMEOUT"
        return Outcome(None, f"no answer from {host} within {allowed_s:g} s (timeout)", hint=hint)
    hint = "check the network between here and LANGFUSE_HOST"
    return Outcome(None, f"the connection to {host} broke ({type(error).__name__})", hint=hint)


def _with_partial_success(outcome: Outcome, answer: bytes, kind: str) -> Outcome:
    """Read OTLP's partial success, which Langfuse never sends but a collector between here and there may."""
    rejected, words = 0, ""
    try:
        if "json" in kind:
            partial = orjson.loads(answer).get("partialSuccess") or {}
            rejected, words = int(partial.get("rejectedSpans") or 0), str(partial.get("errorMessage") or "")
        elif "protobuf" in kind and answer:
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

            message = ExportTraceServiceResponse.FromString(answer).partial_success
            rejected, words = message.rejected_spans, message.error_message
    except Exception:
        return outcome
    if not rejected:
        return outcome
    return Outcome(outcome.status, f"{rejected} spans left out: {words}", rejected=rejected)


def _words(answer: bytes) -> str:
    """What the server said, in one short line."""
    try:
        told = orjson.loads(answer)
    except orjson.JSONDecodeError:
        told = answer.decode("utf-8", "replace")
    if isinstance(told, dict):
        told = told.get("message") or told.get("error") or told
    return " ".join(str(told).split())[:300]


def _refusals(answer: bytes, scores: Sequence[DueScore]) -> dict[str, tuple[int, str]]:
    """Scores that were not taken, by id: status and words; status 0 for those of which the answer does not say."""
    try:
        told = orjson.loads(answer)
        errors = [error for error in told.get("errors") or [] if isinstance(error, dict)]
        taken = {str(each.get("id")) for each in told.get("successes") or []}
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    ours = {score.score_id for score in scores}
    refused = {
        str(error["id"]): (
            int(error.get("status") or 400),
            str(error.get("message") or error.get("error") or "refused"),
        )
        for error in errors
        if error.get("id") in ours
    }
    if len(refused) < len(errors):
        refused |= dict.fromkeys(ours - taken - refused.keys(), (0, "not confirmed"))
    return refused


def _retry_after_s(value: str | None) -> float | None:
    """Seconds to wait, from the header's seconds or date (RFC 9110, section 10.2.3)."""
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max(0.0, (when - dt.datetime.now(dt.UTC)).total_seconds())


def _score_event(score: DueScore) -> dict[str, Any]:
    timestamp = dt.datetime.fromtimestamp(score.timestamp_ns / 1e9, dt.UTC).isoformat().replace("+00:00", "Z")
    body: dict[str, Any] = orjson.loads(score.extra) if score.extra else {}
    body |= {
        "id": score.score_id,
        "traceId": score.trace_id,
        "name": score.name,
        "value": orjson.loads(score.value),
        "dataType": score.data_type,
        "environment": score.environment,
    }
    if score.span_id:
        body["observationId"] = score.span_id
    if score.comment:
        body["comment"] = score.comment
    # The event's id makes a repeated request the same event; the score's id makes it the same score.
    return {"id": score.score_id, "type": "score-create", "timestamp": timestamp, "body": body}


def _version() -> str:
    try:
        return version("autoops")
    except PackageNotFoundError:  # pragma: no cover - run from a folder that was never installed
        return "0"
