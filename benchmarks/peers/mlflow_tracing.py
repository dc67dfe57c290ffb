"""MLflow's tracing package, exporting OTLP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, NAME, OPERATION, inputs, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLE = "mlflow-tracing, OTLP"
REQUIRES = ("mlflow-tracing", "opentelemetry-exporter-otlp-proto-http")
VERSION_OF = "mlflow-tracing"
IMPORT = "import mlflow"

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Export to ``url``."""
    del is_on
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{url}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        # Without any, mlflow-tracing alone records nothing and does not say so.
        "MLFLOW_TRACKING_URI": url,
        **QUIET,
    }


def build(url: str, *, is_on: bool) -> Recorder:
    """Switch tracing off if asked to."""
    del url
    return Recorder(is_on=is_on)


class Recorder:
    """MLflow, doing the common work."""

    def __init__(self, *, is_on: bool) -> None:
        import mlflow
        from mlflow.tracing.provider import provider

        self._inputs, self._outcomes = inputs(), outcomes()
        self._mlflow, self._provider = mlflow, provider
        if not is_on:
            mlflow.tracing.disable()

    def open_trace(self) -> Any:
        """Begin a root."""
        return self._mlflow.start_span_no_context(EVENT["type"], inputs=EVENT)

    def start(self, trace: Any) -> Any:
        """Begin an agent's span under it."""
        return self._mlflow.start_span_no_context(
            NAME,
            span_type="AGENT",
            parent_span=trace,
            inputs=next(self._inputs),
            attributes={"agent": AGENT, "operation": OPERATION},
        )

    def finish(self, span: Any) -> None:
        """End it with its outcome."""
        span.set_outputs(next(self._outcomes))
        span.end()

    def close_trace(self, trace: Any) -> None:
        """End the root."""
        trace.end()

    def flush(self) -> None:
        """Have the provider export what it holds: MLflow's own flush does not reach its OTLP processor."""
        flush = getattr(self._provider.get(), "force_flush", None)
        if flush is not None:  # switched off, its provider has none
            flush(60_000)
