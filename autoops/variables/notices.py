"""What is odd about the settings without being a fault, as sentences that hold no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoops.variables.table import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PUBLIC_PREFIX = "pk-lf-"
_SECRET_PREFIX = "sk-lf-"  # noqa: S105 - what every secret key begins with
_PLACEHOLDERS = ("your_public_key", "your_secret_key", "your-public-key", "your-secret-key")

_OWN_PREFIX = "AUTOOPS_"
_PREFIXES = (_OWN_PREFIX, "LANGFUSE_")
_NEAR = 0.75
"""Similarity from which a LANGFUSE_ name counts as a slip; the variables that Langfuse's SDK and server read score less."""


def key_notices(public_key: str | None, secret_key: str | None) -> tuple[str, ...]:
    """Say what is odd about a pair of keys.

    Args:
        public_key: None when not set.
        secret_key: None when not set.
    """
    if not public_key and not secret_key:
        return ()
    if not public_key or not secret_key:
        there, missing = ("PUBLIC", "SECRET") if public_key else ("SECRET", "PUBLIC")
        return (f"LANGFUSE_{there}_KEY is set but LANGFUSE_{missing}_KEY is not: Langfuse needs both",)
    if public_key.startswith(_SECRET_PREFIX) and secret_key.startswith(_PUBLIC_PREFIX):
        return (
            f"LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY are swapped: {_PUBLIC_PREFIX} begins the public one",
        )
    notices = []
    for name, key, prefix in (
        ("LANGFUSE_PUBLIC_KEY", public_key, _PUBLIC_PREFIX),
        ("LANGFUSE_SECRET_KEY", secret_key, _SECRET_PREFIX),
    ):
        if any(placeholder in key.lower() for placeholder in _PLACEHOLDERS):
            notices.append(
                f"{name} is still the text of an example: copy yours from Langfuse's project settings"
            )
        elif not key.startswith(prefix):
            notices.append(f"{name} does not begin with {prefix}, as Langfuse's keys do")
    return tuple(notices)


def source_notices(origin: str, texts: Mapping[str, str | None]) -> tuple[str, ...]:
    """Say what is odd about the variables of one source: contradicting aliases and misspelled names.

    Args:
        origin: Name of the source, for the sentences.
        texts: Its variables; those of other programs are passed over.
    """
    return (*_contradictions(origin, texts), *_misspellings(origin, texts))


def _contradictions(origin: str, texts: Mapping[str, str | None]) -> Iterable[str]:
    for variable in VARIABLES:
        given = {name: text for name in variable.names if (text := (texts.get(name) or "").strip())}
        if len(set(given.values())) > 1:
            yield f"{' and '.join(given)} ({origin}) differ: {next(iter(given))} counts"


def _misspellings(origin: str, texts: Mapping[str, str | None]) -> Iterable[str]:
    known = {name for variable in VARIABLES for name in variable.names}
    for name in sorted(texts):
        if name in known or not name.upper().startswith(_PREFIXES):
            continue
        near = _nearest(name.upper(), known)
        if near:
            yield f"{name} ({origin}) is not a setting and has no effect: did you mean {near}?"
        elif name.startswith(_OWN_PREFIX):
            yield f"{name} ({origin}) is not a setting and has no effect"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name whose part after the prefix is most similar, if any is near."""
    from difflib import get_close_matches

    by_stem = {each.partition("_")[2]: each for each in known}
    near = get_close_matches(name.partition("_")[2], by_stem, 1, _NEAR)
    return by_stem[near[0]] if near else None
