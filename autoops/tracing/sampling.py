"""Which traces are sent: the head verdict, made once by the process that begins a trace."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig

_LOW_64_BITS: Final = (1 << 64) - 1


def head_rate(config: LangfuseConfig, root_name: str) -> float:
    """The rate, 0..1, for traces whose root bears ``root_name``: the first matching rule, else the general rate."""
    if config.sample_rate == 0.0:
        return 0.0
    for pattern, rate in config.sample_rules:
        if fnmatchcase(root_name, pattern):
            return rate
    return config.sample_rate


def is_sampled(trace_id: int, rate: float) -> bool:
    """Whether a trace is in the sample: the verdict of OpenTelemetry's ``TraceIdRatioBased`` for the same id and rate."""
    return (trace_id & _LOW_64_BITS) < round(rate * (1 << 64))
