"""Names of classes that break whoever looks them up."""

from __future__ import annotations


class Unhashable(str):
    """A name that breaks when it is looked up."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ValueError


class Incomparable(str):
    """A name that breaks when it is found."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError
