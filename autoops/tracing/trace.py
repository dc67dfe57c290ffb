"""What a process knows of a trace while spans of it are open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.tracing.sampling import HEAD, Verdict

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.span import Span


class Trace:
    """What the spans of one trace share in this process.

    Attributes:
        config: The settings that it is recorded under; above all, the project that it is for.
        judged_by: The settings that it began under: they say what it is worth, however they change meanwhile.
        sampled: The head verdict of the process that began the trace.
        sample_rate: The rate at which it was made, 0..1; 0 if it came from elsewhere with a parent.
        sampling_reason: What made it: chance at the configured rate, or at one lowered by the throttle.
        open: Spans of this process that have begun and not ended, by id.
        agents: Spans that ``track_collaboration`` opened, by agent.
    """

    __slots__ = (
        "agents",
        "config",
        "judged_by",
        "name",
        "open",
        "public",
        "raised",
        "root_span_id",
        "sample_rate",
        "sampled",
        "sampling_reason",
        "session_id",
        "start_ns",
        "tags",
        "trace_id",
        "user_id",
        "version",
    )

    def __init__(
        self,
        trace_id: int,
        config: LangfuseConfig,
        *,
        root_span_id: int | None,
        sampled: bool,
        sample_rate: float,
        start_ns: int,
        sampling_reason: str = HEAD,
    ) -> None:
        self.trace_id = trace_id
        self.config = self.judged_by = config
        self.root_span_id = root_span_id
        self.sampled = sampled
        self.sample_rate = sample_rate
        self.sampling_reason = sampling_reason
        self.start_ns = start_ns
        self.name: str | None = None
        self.session_id: str | None = None
        self.user_id: str | None = None
        self.tags: tuple[str, ...] = ()
        self.version: str | None = None
        self.public: bool | None = None
        self.open: dict[int, Span] = {}
        self.agents: dict[str, Span] | None = None
        self.raised: tuple[int, str] | None = None

    def verdict(self) -> Verdict:
        """What this process knows of whether the trace is sent."""
        return Verdict(self.sampled, self.sample_rate, self.sampling_reason, self.root_span_id is not None)
