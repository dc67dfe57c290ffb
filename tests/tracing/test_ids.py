"""Ids: from the operating system, well-formed, and a root that can be found from its trace."""

from __future__ import annotations

import os
import random
import sys
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoops.tracing.ids import (
    new_span_id,
    new_trace_id,
    new_uuid,
    parse_span_id,
    parse_trace_id,
    root_span_id,
)


def test_they_fit_and_differ() -> None:
    """Never zero, within their bits, no two alike."""
    traces, spans = [new_trace_id() for _ in range(2000)], [new_span_id() for _ in range(2000)]

    assert len(set(traces)) == len(set(spans)) == 2000
    assert all(0 < number < 2**128 for number in traces)
    assert all(0 < number < 2**64 for number in spans)


def test_a_seeded_business_repeats_none() -> None:
    """`random.seed` has no say."""
    drawn = []
    for _ in range(2):
        random.seed(42)
        drawn.append([new_trace_id() for _ in range(300)])

    assert not set(drawn[0]) & set(drawn[1])


def test_a_forked_child_draws_its_own() -> None:
    """What was fetched ahead is not used twice."""
    new_span_id()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"".join(new_span_id().to_bytes(8) for _ in range(300)))
        os._exit(0)
    mine = {new_span_id() for _ in range(300)}
    theirs = os.read(read, 65536)
    os.waitpid(pid, 0)

    assert not mine & {int.from_bytes(theirs[at : at + 8]) for at in range(0, len(theirs), 8)}


@given(st.integers(1, 2**128 - 1))
def test_a_root_is_found_from_its_trace(trace_id: int) -> None:
    """Always the same, always valid."""
    assert root_span_id(trace_id) == root_span_id(trace_id)
    assert 0 < root_span_id(trace_id) < 2**64


@given(st.integers(1, 2**64 - 1))
def test_they_are_read_as_they_are_written(number: int) -> None:
    """In hex of full length, upper or lower case."""
    assert parse_span_id(f"{number:016x}") == parse_span_id(f"{number:016X}") == number
    assert parse_trace_id(f"{number:032x}") == number


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        b"a" * 16,
        "",
        "a" * 15,
        "a" * 17,
        "0" * 16,
        "g" * 16,
        "+" + "a" * 15,
        "a_" * 8,
        " " + "a" * 15,
        "é" * 16,
    ],
)
def test_what_is_no_id_is_none(text: object) -> None:
    """Python's signs, blanks and underscores are no hexadecimal digits; zero is no id."""
    assert parse_span_id(text) is None


def test_what_is_too_long_for_an_id_is_not_remembered() -> None:
    """Texts given as ids, however long, leave nothing behind."""
    long = "x" * 10_000_000
    before = sys.getrefcount(long)

    assert parse_trace_id(long) is None

    assert sys.getrefcount(long) == before


@given(st.integers(min_value=0, max_value=50))
def test_uuids_are_of_version_4(count: int) -> None:
    """As RFC 9562 has them, no two alike."""
    made = [new_uuid() for _ in range(count)]

    assert len(set(made)) == count
    for each in made:
        read = uuid.UUID(each)
        assert str(read) == each
        assert (read.version, read.variant) == (4, uuid.RFC_4122)
