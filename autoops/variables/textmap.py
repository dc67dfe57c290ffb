"""A mapping of text to text that never changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class TextMap(Mapping[str, str]):
    """Read-only mapping, equal to a dict of the same items.

    Unlike `types.MappingProxyType` it can be hashed, copied and pickled, which a frozen dataclass that
    travels to child processes needs.

    Args:
        items: Copied.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self._items = dict(items or {})

    def __getitem__(self, name: str) -> str:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
