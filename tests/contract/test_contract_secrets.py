"""Secrets are masked before they are stored anywhere, and keys are shown nowhere."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING, Any

import pytest
from kit import EVENT, delivered
from patience import eventually

from config.langfuse_integration import get_langfuse_integration

if TYPE_CHECKING:
    from pathlib import Path

    from kit import ConfigFor, Start
    from loopback import LoopbackServer

    from config.langfuse_integration import LangfuseIntegrationService

SECRET = "swordfish-7391"


def stored(folder: Path) -> bytes:
    """Return every byte of every file below `folder`: journal, WAL and all."""
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def record_everywhere(service: LangfuseIntegrationService, value: Any) -> str:
    """Send `value` through every argument that takes data; return the trace's id."""
    metadata = value if isinstance(value, dict) else {"m": value}
    trace_id = service.create_simulation_trace({"type": "login", "data": value}, metadata=metadata)
    span_id = service.start_agent_span(
        "a", "b", parent_trace_id=trace_id, input_data=value, metadata=metadata
    )
    decision = {"type": "d", "inputs": value, "outputs": value, "reasoning": "plain words"}
    service.log_agent_decision("a", decision, trace_id=trace_id)
    service.end_agent_span(span_id, value)
    service.finalize_trace(trace_id, [value])
    collaboration = service.track_collaboration("w", ["a"], value)
    service.finalize_trace(collaboration, value)
    with service.trace_operation("c", input_data=value, metadata={"m": value}) as handle:
        handle.update(input=value, output=value, metadata=metadata)
    assert trace_id is not None
    return trace_id


@pytest.mark.parametrize(
    "key",
    [
        *("password", "db_password", "client_secret", "token", "access_token", "apikey", "api_key"),
        *("authorization", "card_number", "Authorization", "PASSWORD", "apiKey"),
    ],
)
def test_values_under_sensitive_keys_are_nowhere(
    server: LoopbackServer, service: LangfuseIntegrationService, tmp_path: Path, key: str
) -> None:
    """Neither in the journal's bytes nor on the wire, at any depth; the rest stays."""
    value = {"sku": "P1", key: SECRET, "deep": [{"deeper": {key: {"inner": SECRET}}}]}
    trace_id = record_everywhere(service, value)

    assert service.flush(10)
    service.shutdown()
    assert SECRET.encode() not in stored(tmp_path)
    assert SECRET.encode() not in server.wire()
    (span,) = [span for span in server.trace(trace_id) if span.name == "a.b"]
    assert span.input[key] == "***"
    assert span.input["deep"][0]["deeper"][key] == "***"
    assert span.input["sku"] == "P1"
    assert b"P1" in stored(tmp_path)


def test_counts_of_tokens_are_no_secret(server: LoopbackServer, start: Start) -> None:
    """Numbers under usage and cost keys stay, even where a glob matches them."""
    service = start(server, mask_keys=("*token*", "*cost*"))
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    with service.trace_operation("g", as_type="generation") as handle:
        handle.update(
            output={"usage": usage, "token": SECRET}, usage_details=usage, cost_details={"total": 0.5}
        )

    span = delivered(service, server, handle.trace_id)["g"]
    assert span.output == {"usage": usage, "token": "***"}
    assert '"total_tokens":7' in span.observation("usage_details").replace(" ", "")
    assert "0.5" in span.observation("cost_details")


def test_keys_of_ones_own(server: LoopbackServer, start: Start, tmp_path: Path) -> None:
    """``AUTOOPS_MASK_KEYS`` adds globs to the default ones."""
    service = start(server, mask_keys=("supplier_*",))
    record_everywhere(service, {"supplier_name": SECRET, "password": SECRET})

    assert service.flush(10)
    service.shutdown()
    assert SECRET.encode() not in stored(tmp_path) + server.wire()


def test_a_mask_function_changes_what_is_stored(server: LoopbackServer, start: Start, tmp_path: Path) -> None:
    """It sees each payload and returns what is stored instead."""

    def without_names(data: Any, **_: Any) -> Any:
        return {key: "someone" if key == "customer" else value for key, value in data.items()}

    service = start(server, mask=without_names)
    with service.trace_operation("c", input_data={"customer": SECRET, "sku": "P1"}) as handle:
        pass

    span = delivered(service, server, handle.trace_id)["c"]
    service.shutdown()
    assert span.input == {"customer": "someone", "sku": "P1"}
    assert SECRET.encode() not in stored(tmp_path) + server.wire()


def test_a_mask_function_that_raises_removes_the_payload(
    server: LoopbackServer, start: Start, tmp_path: Path
) -> None:
    """The span is kept, its data is not."""

    def broken(data: Any, **_: Any) -> Any:
        raise KeyError(data)

    service = start(server, mask=broken)
    with service.trace_operation("c", input_data={"customer": SECRET}) as handle:
        handle.update(output=SECRET)

    span = delivered(service, server, handle.trace_id)["c"]
    service.shutdown()
    assert span.name == "c"
    assert SECRET.encode() not in stored(tmp_path) + server.wire()


def test_our_own_keys_are_shown_nowhere(
    server: LoopbackServer,
    config_for: ConfigFor,
    start: Start,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Not in logs at DEBUG, reprs, health, the journal, nor what a failing server makes us say."""
    with caplog.at_level(logging.DEBUG):
        service = start(server, debug=True, additional_headers={"X-Gate": SECRET}, max_retries=0)
        service.finalize_trace(service.create_simulation_trace(EVENT))
        service.test_connection()
        service.flush(10)
        server.fail(401)
        service.finalize_trace(service.create_simulation_trace(EVENT))
        service.test_connection()
        service.flush(0.5)
        health = service.health_check()
        service.shutdown()

    config = config_for(server, additional_headers={"X-Gate": SECRET})
    said = "\n".join(
        f"{record.getMessage()} {record.exc_text} {record.__dict__}" for record in caplog.records
    )
    shown = "\n".join([said, repr(config), str(config), repr(service), str(health)])
    for secret in (server.secret_key, SECRET):
        assert secret not in shown
        assert secret.encode() not in stored(tmp_path)
    assert any(record.name.startswith("autoops") for record in caplog.records)


def test_a_wrong_secret_is_masked_in_its_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The message that lists the faults shows no secret, also when the secret is the fault."""
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", f"sk-lf-{SECRET}\nX-Evil: 1")
    monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "7")
    with caplog.at_level(logging.DEBUG):
        health = get_langfuse_integration().health_check()

    assert health["configuration_errors"]
    assert SECRET not in caplog.text + str(health)


def test_a_server_that_echoes_our_keys_does_not_spread_them(
    server: LoopbackServer, start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it says is shown, logged and kept, without what it was sent to be known by."""
    pair = base64.b64encode(f"{server.public_key}:{server.secret_key}".encode()).decode()
    server.fail(403, body=f"no such key {server.secret_key}, sent as Basic {pair}".encode())
    service = start(server)
    with service.trace_operation("c"):
        pass
    eventually(lambda: service.health_check()["mode"] == "fallback", "fallback")
    result = service.client.test_connection()
    service.shutdown()

    shown = f"{service.health_check()} {result} {caplog.text}"
    assert "no such key ***" in shown
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for secret in (server.secret_key, pair):
        assert secret not in shown
        assert secret.encode() not in kept
