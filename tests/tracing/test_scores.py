"""Scores on their way to the journal."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest

from autoops.tracing.config import LangfuseConfig
from autoops.tracing.scores import from_sdk, make

CONFIG = LangfuseConfig()
TRACE = "a" * 32


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (0.5, "NUMERIC", 0.5),
        (3, "NUMERIC", 3),
        (True, "BOOLEAN", 1),
        (False, "BOOLEAN", 0),
        (np.float32(1.5), "NUMERIC", 1.5),
        (np.int64(3), "NUMERIC", 3),
        (np.bool_(True), "BOOLEAN", 1),
        (Decimal("1.25"), "NUMERIC", 1.25),
        (Fraction(1, 4), "NUMERIC", 0.25),
        (2**64, "NUMERIC", float(2**64)),
        (-(2**63) - 1, "NUMERIC", -float(2**63)),
        ("good", "CATEGORICAL", "good"),
        ("\ud800", "CATEGORICAL", "\\ud800"),
    ],
)
def test_the_type_follows_from_the_value(value: Any, kind: str, written: Any) -> None:
    """Numbers, booleans and text, as Langfuse has them."""
    score = make(CONFIG, TRACE, "quality", value)

    assert score is not None
    assert (score.data_type, orjson.loads(score.value)) == (kind, written)


@pytest.mark.parametrize(
    "value", [None, float("nan"), float("inf"), [1], {"a": 1}, object(), b"x", 10**400, Decimal("NaN")]
)
def test_what_is_no_score(value: Any) -> None:
    """None is made of it."""
    assert make(CONFIG, TRACE, "quality", value) is None


def test_each_has_an_id_and_a_time_of_its_own() -> None:
    """Made once, so that a retry repeats them."""
    one, other = (make(CONFIG, TRACE, "quality", 1, comment="why", span_id="b" * 16) for _ in range(2))

    assert one is not None
    assert other is not None
    assert one.score_id != other.score_id
    assert other.timestamp_ns >= one.timestamp_ns > 1_700_000_000 * 10**9
    assert (one.comment, one.span_id) == ("why", "b" * 16)


def test_the_sdks_fields_are_kept() -> None:
    """Its id and type count; what has no column goes along."""
    score = from_sdk(
        {
            "id": "fixed",
            "traceId": TRACE,
            "observationId": "b" * 16,
            "name": "quality",
            "value": 1,
            "dataType": "BOOLEAN",
            "comment": "why",
            "environment": "theirs",
            "metadata": {"a": 1},
            "configId": "c",
        },
        CONFIG,
    )

    assert score is not None
    assert (score.score_id, score.data_type, score.value) == ("fixed", "BOOLEAN", "1")
    assert orjson.loads(score.extra or "") == {"metadata": {"a": 1}, "configId": "c"}
