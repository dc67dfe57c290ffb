"""Sending rows to another project than the one they were recorded for: said first, and asked for."""

from __future__ import annotations

import datetime as dt
from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from autoops.cli import output
from autoops.cli.output import number
from autoops.errors import JournalError
from autoops.tracing.journal import destinations, outbox, slices

if TYPE_CHECKING:
    from autoops.tracing.config import LangfuseConfig
    from autoops.tracing.journal.destinations import Waiting
    from autoops.tracing.journal.store import Store

KEY_SHOWN = 10
"""Characters of a public key that are shown: enough to tell projects apart."""


def adopt(store: Store, config: LangfuseConfig, *, redirect: bool, local: bool, yes: bool) -> int:
    """Have rows of other destinations, or of none, sent to the configured one, after saying which and asking.

    Args:
        store: The journal.
        config: Host and keys of where to.
        redirect: What waits for other destinations.
        local: What was recorded without keys.
        yes: Do not ask.

    Returns:
        How many spans and scores are now meant for the configured destination.

    Raises:
        typer.Exit: With 2 if there is nobody to ask.
        typer.Abort: The answer was no.
        JournalError: A running process delivers to one of the other destinations.
    """
    chosen = list(elsewhere(store, config, with_dates=True)) if redirect else []
    if local:
        own = destinations.local(store)
        chosen += [own] if own.spans or own.scores else []
    if not chosen:
        what = " and ".join(
            words
            for words, asked in (("waits for another destination", redirect), ("is local", local))
            if asked
        )
        typer.echo(f"Nothing {what}.", err=True)
        return 0
    typer.echo(f"To {place(config.host, config.public_key)} would be sent:", err=True)
    for each in chosen:
        typer.echo(f"  {described(each)}", err=True)
    if not yes:
        output.confirm("Send them there?")
    return _adopt(store, config, chosen)


def _adopt(store: Store, config: LangfuseConfig, chosen: list[Waiting]) -> int:
    with store.transaction() as connection:
        new = outbox.destination(connection, config.host, str(config.public_key))
    with ExitStack() as stack:
        for each in chosen:
            if each.destination_id is not None:
                try:
                    stack.enter_context(destinations.undisturbed(store, each.destination_id))
                except JournalError as error:
                    raise JournalError(f"{place(each.host, each.public_key)}: {error}") from error
        for each in chosen:
            if each.destination_id is None:
                slices.work_through(destinations.deliver_local(store, new))
            else:
                slices.work_through(destinations.redirect(store, each.destination_id, new))
    return sum(each.spans + each.scores for each in chosen)


def elsewhere(store: Store, config: LangfuseConfig, *, with_dates: bool = False) -> tuple[Waiting, ...]:
    """What waits for other destinations than a configuration's."""
    own = (config.host, config.public_key)
    found = destinations.waiting(store, with_dates=with_dates)
    return tuple(each for each in found if (each.host, each.public_key) != own)


def place(host: str | None, public_key: str | None) -> str:
    """A destination for people: its host, and the beginning of its public key."""
    key = public_key or ""
    return f"{host} ({key[:KEY_SHOWN]}…)" if len(key) > KEY_SHOWN else f"{host} ({key})"


def described(each: Waiting) -> str:
    """What waits, of when and recorded for whom, for people."""
    words = number(each.spans, "span")
    if each.scores:
        words += f" and {number(each.scores, 'score')}"
    if each.first_ns is not None and each.last_ns is not None:
        first, last = (
            dt.datetime.fromtimestamp(ns / 1e9).astimezone().date() for ns in (each.first_ns, each.last_ns)
        )
        words += f" of {first}" if first == last else f" of {first} to {last}"
    if each.destination_id is None:
        return f"{words}, recorded without keys"
    return f"{words}, recorded for {place(each.host, each.public_key)}"
