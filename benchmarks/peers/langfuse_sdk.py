"""The work on the Langfuse SDK: the calls that its majors 3 to 5 share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peers.payload import AGENT, EVENT, NAME, OPERATION, inputs, outcomes

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION_OF = "langfuse"
IMPORT = "import langfuse"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Export to ``url``; in the SDK's own names, which are not all the documented ones."""
    return {
        "LANGFUSE_BASE_URL": url,
        "LANGFUSE_HOST": url,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-benchmark",
        "LANGFUSE_SECRET_KEY": "sk-lf-benchmark",
        "LANGFUSE_TRACING_ENABLED": "true" if is_on else "false",
    }


def build(url: str, *, is_on: bool) -> Recorder:
    """Make a client from its variables."""
    del url, is_on
    return Recorder()


class Recorder:
    """A client, doing the common work."""

    def __init__(self) -> None:
        from langfuse import Langfuse

        self._inputs, self._outcomes = inputs(), outcomes()
        self._client = Langfuse()

    def open_trace(self) -> Any:
        """Begin a root observation."""
        return self._client.start_observation(name=EVENT["type"], as_type="span", input=EVENT)

    def start(self, trace: Any) -> Any:
        """Begin an agent observation under it."""
        return trace.start_observation(
            name=NAME,
            as_type="agent",
            input=next(self._inputs),
            metadata={"agent": AGENT, "operation": OPERATION},
        )

    def finish(self, span: Any) -> None:
        """End it with its outcome."""
        span.update(output=next(self._outcomes))
        span.end()

    def close_trace(self, trace: Any) -> None:
        """End the root."""
        trace.end()

    def flush(self) -> None:
        """Have the SDK export what it holds."""
        self._client.flush()
