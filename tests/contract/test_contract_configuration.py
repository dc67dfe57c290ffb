"""Settings and configuration through the doors: what holds, what is refused, what changes on the fly."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from kit import EVENT, delivered
from loopback import LoopbackServer
from patience import eventually

from autoops.errors import ConfigurationError
from config.langfuse_config import LangfuseConfig
from config.langfuse_integration import LangfuseIntegrationService, get_langfuse_integration
from config.settings import LangfuseSettings, get_settings

if TYPE_CHECKING:
    from pathlib import Path

    from kit import Start

BROKEN = {
    "LANGFUSE_SAMPLE_RATE": "1.5",
    "LANGFUSE_FLUSH_AT": "many",
    "LANGFUSE_HOST": "cloud.langfuse.com",
    "LANGFUSE_ENVIRONMENT": "Prod EU",
}


def broken_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set four variables to values that are not allowed."""
    for name, value in BROKEN.items():
        monkeypatch.setenv(name, value)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One error; for each variable its name, what it was and what is allowed."""
    broken_environment(monkeypatch)

    with pytest.raises(ConfigurationError) as caught:
        get_settings()

    for name, value in BROKEN.items():
        assert name in str(caught.value)
        assert value in str(caught.value)
    with pytest.raises(ConfigurationError):
        LangfuseConfig.from_settings()


def test_the_service_runs_on_without_langfuse(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Never an exception: the faults once at ERROR and in health, and every call works."""
    broken_environment(monkeypatch)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-1")
    with caplog.at_level(logging.WARNING):
        service = get_langfuse_integration()
        assert get_langfuse_integration() is service
        service.finalize_trace(service.create_simulation_trace(EVENT))
        health = service.health_check()

    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    for name in BROKEN:
        assert name in errors[0].getMessage()
        assert name in json.dumps(health["configuration_errors"])
    assert health["available"] is False
    assert health["mode"] in {"local", "off"}


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Process environment, then `.env`, then the default."""
    (tmp_path / ".env").write_text("LANGFUSE_RELEASE=file\nLANGFUSE_ENVIRONMENT=staging\n")
    monkeypatch.setenv("LANGFUSE_RELEASE", "environment")

    settings = LangfuseSettings()
    assert (settings.release, settings.environment, settings.flush_at) == ("environment", "staging", 15)


def test_the_sdks_name_of_the_host_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """``LANGFUSE_BASE_URL`` over ``LANGFUSE_HOST``, as in the SDK."""
    monkeypatch.setenv("LANGFUSE_HOST", "https://one.example")
    monkeypatch.setenv("LANGFUSE_BASE_URL", "https://two.example")

    assert get_settings().host == LangfuseConfig.from_settings().host == "https://two.example"


def test_a_configuration_is_frozen_checked_and_discreet() -> None:
    """The documented constructor and ``replace``; the secret key is not in its repr."""
    config = LangfuseConfig("pk-lf-1", "sk-lf-hidden", host="https://one.example", enabled=True)
    changed = config.replace(sample_rate=0.5)

    assert (changed.sample_rate, config.sample_rate) == (0.5, 1.0)
    assert "sk-lf-hidden" not in f"{config!r} {config} {changed!r}"
    assert "one.example" in repr(config)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.sample_rate = 0.1  # type: ignore[misc]
    with pytest.raises(ConfigurationError):
        config.replace(sample_rate=7)
    with pytest.raises(ConfigurationError):
        LangfuseConfig(flush_interval=-1)


@pytest.mark.parametrize(
    ("public_key", "secret_key", "words"),
    [("pk-other", "sk-lf-1", "pk-lf-"), ("sk-lf-1", "pk-lf-1", "swapped")],
)
def test_odd_keys_are_mentioned(
    start: Start,
    server: LoopbackServer,
    caplog: pytest.LogCaptureFixture,
    public_key: str,
    secret_key: str,
    words: str,
) -> None:
    """An unexpected prefix is a warning; swapped keys have a message of their own."""
    with caplog.at_level(logging.WARNING):
        start(server, public_key=public_key, secret_key=secret_key)

    assert [record for record in caplog.records if words in record.getMessage().lower()]


def test_traced_agents_and_operations(server: LoopbackServer, start: Start) -> None:
    """Globs choose; what is not traced returns None, which every call takes quietly."""
    service = start(server, traced_agents=("inv*", "pricing", "!invisible"), traced_operations=("!noise_*",))
    trace_id = service.create_simulation_trace(EVENT)
    for agent, operation in [
        ("inventory", "forecast"),
        ("invisible", "forecast"),
        ("pricing", "noise_check"),
        ("promotion", "plan"),
        ("pricing", "reprice"),
    ]:
        span_id = service.start_agent_span(agent, operation, parent_trace_id=trace_id)
        assert (span_id is None) == (agent in {"invisible", "promotion"} or operation.startswith("noise_"))
        service.end_agent_span(span_id)
    service.finalize_trace(trace_id)

    assert set(delivered(service, server, trace_id)) == {
        "demand_spike",
        "inventory.forecast",
        "pricing.reprice",
    }


def test_the_resource_is_opentelemetrys(monkeypatch: pytest.MonkeyPatch, server: LoopbackServer) -> None:
    """``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` stand on every span."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", server.public_key)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", server.secret_key)
    monkeypatch.setenv("LANGFUSE_HOST", server.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "north")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "region=eu,shop=12")
    service = get_langfuse_integration()
    trace_id = service.create_simulation_trace(EVENT)
    service.finalize_trace(trace_id)

    resource = delivered(service, server, trace_id)["demand_spike"].resource
    assert (resource["service.name"], resource["region"], resource["shop"]) == ("north", "eu", "12")


def test_the_wire_is_langfuses(server: LoopbackServer, service: LangfuseIntegrationService) -> None:
    """Protobuf, gzip, Basic auth and ingestion version 4; no key in a URL."""
    service.finalize_trace(service.create_simulation_trace(EVENT))
    assert service.flush(10)

    exports = [request for request in server.requests if request.body and request.method == "POST"]
    assert exports
    for request in exports:
        assert request.headers["content-type"] == "application/x-protobuf"
        assert request.headers["content-encoding"] == "gzip"
        assert request.headers["x-langfuse-ingestion-version"] == "4"
        assert server.public_key not in request.path
    assert server.connections <= 2


def test_additional_headers_may_not_replace_authorization(server: LoopbackServer, start: Start) -> None:
    """Ours stays, so delivery works."""
    with pytest.raises(ConfigurationError):
        LangfuseConfig(additional_headers={"Authorization": "Bearer mine"})
    service = start(server, additional_headers={"X-Shop": "north"})
    service.finalize_trace(service.create_simulation_trace(EVENT))

    assert service.flush(10)
    assert {request.headers.get("x-shop") for request in server.requests} == {"north"}


def test_debug_lets_our_loggers_speak(server: LoopbackServer, start: Start) -> None:
    """``LANGFUSE_DEBUG`` is for the `autoops` loggers alone, and ends with ``reconfigure(debug=False)``."""
    ours, theirs = logging.getLogger("autoops"), logging.getLogger("business")
    service = start(server, debug=True)

    assert ours.isEnabledFor(logging.DEBUG)
    assert not theirs.isEnabledFor(logging.DEBUG)
    service.reconfigure(debug=False)
    assert not ours.isEnabledFor(logging.DEBUG)


def test_a_local_trace_has_a_link_too(server: LoopbackServer, start: Start) -> None:
    """Without Langfuse, ``get_trace_url`` leads to the local page."""
    service = start(server, public_key=None, secret_key=None)
    trace_id = service.create_simulation_trace(EVENT)

    url = service.get_trace_url(trace_id)
    assert url is not None
    assert url.startswith("http://")
    assert str(trace_id) in url
    assert server.url not in url


class TestReconfigure:
    """``reconfigure`` applies without a restart or a lost span."""

    def test_sample_rate(self, server: LoopbackServer, start: Start) -> None:
        """Traces begun before keep their verdict."""
        service = start(server, enable_sampling=False)
        before = service.create_simulation_trace({"type": "before"})
        service.reconfigure(sample_rate=0.0)
        during = service.create_simulation_trace({"type": "during"})
        service.reconfigure(sample_rate=1.0)
        after = service.create_simulation_trace({"type": "after"})
        for trace_id in (before, during, after):
            service.finalize_trace(trace_id)

        assert service.flush(10)
        assert {span.name for span in server.spans} == {"before", "after"}

    def test_off_and_on(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """Switched off nothing is recorded, what came before is delivered, and on again all works."""
        service.finalize_trace(service.create_simulation_trace({"type": "before"}))
        service.reconfigure(enabled=False)
        assert service.create_simulation_trace({"type": "off"}) is None
        assert service.health_check()["mode"] == "off"
        service.reconfigure(enabled=True)
        service.finalize_trace(service.create_simulation_trace({"type": "after"}))

        assert service.flush(10)
        server.wait_for_spans(2)
        assert {span.name for span in server.spans} == {"before", "after"}

    def test_masks_and_filters(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """What is masked and what is traced follows at once."""
        service.reconfigure(mask_keys=("sku",), traced_agents=("!b",))
        trace_id = service.create_simulation_trace({"type": "t", "sku": "P1"})
        assert service.start_agent_span("b", "x", parent_trace_id=trace_id) is None
        service.finalize_trace(trace_id)

        assert delivered(service, server, trace_id)["t"].input == {"type": "t", "sku": "***"}

    def test_mended_keys_resume_at_once(self, server: LoopbackServer, start: Start) -> None:
        """A wrong secret is fallback with its reason; the right one delivers what waited."""
        service = start(server, secret_key="sk-lf-wrong")
        service.finalize_trace(service.create_simulation_trace(EVENT))
        eventually(lambda: service.health_check()["fallback_mode"], "fallback for the wrong key")
        assert "401" in str(service.health_check()["delivery"]["last_error"])
        service.reconfigure(secret_key=server.secret_key)

        server.wait_for_spans(1)
        eventually(lambda: service.health_check()["mode"] == "langfuse", "the end of fallback")

    def test_keys_given_later(self, server: LoopbackServer, start: Start) -> None:
        """Local spans stay local; from the keys on, spans are delivered."""
        service = start(server, public_key=None, secret_key=None)
        service.finalize_trace(service.create_simulation_trace({"type": "local"}))
        service.flush(10)
        service.reconfigure(public_key=server.public_key, secret_key=server.secret_key)
        service.finalize_trace(service.create_simulation_trace({"type": "sent"}))

        server.wait_for_spans(1)
        assert service.flush(10)
        assert [span.name for span in server.spans] == ["sent"]

    def test_another_host(self, server: LoopbackServer, service: LangfuseIntegrationService) -> None:
        """New spans go there; the old ones are sent to no other place than their own."""
        service.finalize_trace(service.create_simulation_trace({"type": "first"}))
        assert service.flush(10)
        with LoopbackServer() as other:
            service.reconfigure(host=other.url, public_key=other.public_key, secret_key=other.secret_key)
            service.finalize_trace(service.create_simulation_trace({"type": "second"}))
            assert service.flush(10)

            assert [span.name for span in other.spans] == ["second"]
        assert [span.name for span in server.spans] == ["first"]

    def test_an_open_trace_stays_with_its_project(
        self, server: LoopbackServer, service: LangfuseIntegrationService
    ) -> None:
        """What had begun when the settings changed goes to no project that it was not recorded for, scores included."""
        trace_id = service.create_simulation_trace({"type": "first"}) or ""
        with LoopbackServer() as other:
            service.reconfigure(host=other.url, public_key=other.public_key, secret_key=other.secret_key)
            service.end_agent_span(service.start_agent_span("inventory", "reorder", trace_id))
            service.score(trace_id, "quality", 1.0)
            service.finalize_trace(trace_id)
            service.finalize_trace(service.create_simulation_trace({"type": "second"}))
            assert service.flush(10)
            assert [span.name for span in other.spans] == ["second"]
            assert other.scores == []
            assert server.spans == []

            service.reconfigure(host=server.url, public_key=server.public_key, secret_key=server.secret_key)
            server.wait_for_spans(2)
            server.wait_for_scores(1)
        assert sorted(span.name for span in server.spans) == ["first", "inventory.reorder"]

    def test_wrong_changes_are_refused_whole(
        self, server: LoopbackServer, service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No exception, a message, and nothing of it applies."""
        with caplog.at_level(logging.WARNING):
            service.reconfigure(sample_rate=7, enabled=False)

        assert "sample_rate" in caplog.text
        trace_id = service.create_simulation_trace(EVENT)
        service.finalize_trace(trace_id)
        assert delivered(service, server, trace_id)

    @pytest.mark.parametrize("change", [{"journal": "elsewhere.db"}, {"set_global": True}])
    def test_what_holds_from_the_start_is_refused(
        self, service: LangfuseIntegrationService, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
    ) -> None:
        """The journal and the global provider: said by name, and nothing else of the call applies."""
        before = service.client.config
        with caplog.at_level(logging.WARNING):
            assert not service.reconfigure(**change, sample_rate=0.5)

        assert next(iter(change)) in caplog.text
        assert service.client.config == before
        assert service.reconfigure(journal=before.journal, set_global=False, sample_rate=0.5)
        assert service.client.config.sample_rate == 0.5

    def test_a_service_that_is_off_may_be_given_its_journal(self, tmp_path: Path) -> None:
        """Nothing has begun: the change holds."""
        service = LangfuseIntegrationService(LangfuseConfig(enabled=False))
        try:
            assert service.reconfigure(enabled=True, journal=str(tmp_path / "elsewhere.db"))
            service.end_agent_span(service.start_agent_span("a", "b"))
            assert service.flush(10)
        finally:
            service.shutdown()

        assert (tmp_path / "elsewhere.db").exists()

    def test_reload_leaves_what_code_has_set(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The mask function goes on masking; a changed journal is named, and the rest holds."""

        def mask(data: Any) -> Any:
            return f"masked {data}"

        service = LangfuseIntegrationService(LangfuseConfig(mask=mask))
        try:
            monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.5")
            assert service.reload()
            assert (service.client.config.mask, service.client.config.sample_rate) == (mask, 0.5)

            monkeypatch.setenv("AUTOOPS_JOURNAL", str(tmp_path / "elsewhere.db"))
            monkeypatch.setenv("LANGFUSE_SAMPLE_RATE", "0.25")
            with caplog.at_level(logging.WARNING):
                assert not service.reload()
            assert "journal" in caplog.text
            assert service.client.config.sample_rate == 0.25
            assert service.client.config.journal == LangfuseConfig().journal
        finally:
            service.shutdown()

    def test_reload_reads_the_file_again(self, server: LoopbackServer, tmp_path: Path) -> None:
        """A changed `.env` is picked up."""
        lines = [
            f"LANGFUSE_PUBLIC_KEY={server.public_key}",
            f"LANGFUSE_SECRET_KEY={server.secret_key}",
            f"LANGFUSE_HOST={server.url}",
            "LANGFUSE_ENABLE_SAMPLING=false",
        ]
        (tmp_path / ".env").write_text("\n".join([*lines, "LANGFUSE_SAMPLE_RATE=0"]))
        service = get_langfuse_integration()
        service.finalize_trace(service.create_simulation_trace({"type": "before"}))
        (tmp_path / ".env").write_text("\n".join([*lines, "LANGFUSE_SAMPLE_RATE=1"]))
        service.reload()
        service.finalize_trace(service.create_simulation_trace({"type": "after"}))

        assert service.flush(10)
        assert [span.name for span in server.spans] == ["after"]
