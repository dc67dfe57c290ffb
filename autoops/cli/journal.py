"""What the commands on a journal share: which one, how it is opened, how it is asked for."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoops.errors import AutoOpsError, ConfigurationError, JournalNewer
from autoops.settings import get_settings
from autoops.tracing.config import LangfuseConfig
from autoops.tracing.journal import destinations, reader
from autoops.tracing.journal.location import UNREACHABLE, Location, state_folder
from autoops.tracing.journal.opening import open_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoops.tracing.journal.store import Store

Journal = Annotated[
    Path | None,
    typer.Option("--journal", help="The journal to read; AUTOOPS_JOURNAL if left out.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Session = Annotated[str | None, typer.Option(help="Only traces of this session.")]
User = Annotated[str | None, typer.Option(help="Only traces of this user.")]


@contextmanager
def opened(journal: Path | None, *, to_change: bool = False) -> Iterator[Store]:
    """The journal named on the command line or in the settings; closed after the block.

    Args:
        journal: What ``--journal`` said.
        to_change: Bring the file up to this program's schema first.

    Raises:
        JournalError: There is none, or a newer program's is to be changed.
    """
    store = reader.open_journal(str(journal) if journal is not None else _configured())
    path = store.location.path
    if to_change and path is not None:
        store.close()
        store = open_at(Location(path))
        if store.location.path != path:
            store.close()
            raise JournalNewer(str(store.location.reason))
    try:
        yield store
    finally:
        store.close()


def stranded(path: Path | None) -> tuple[Path, int] | None:
    """The journal that processes used which could not write the one they were told to, and the rows that wait in it.

    Args:
        path: The journal at hand.

    Returns:
        None if there is no other, or nothing waits in it.
    """
    other = state_folder() / "journal.db"
    try:
        if path is None or not other.exists() or other.resolve() == path.resolve():
            return None
        with opened(other) as store:
            rows = sum(each.spans + each.scores for each in destinations.waiting(store))
    except (AutoOpsError, *UNREACHABLE):
        return None
    return (other, rows) if rows else None


def _configured() -> str:
    """The journal of the settings; of the default ones if they are invalid, as the service has it."""
    try:
        return get_settings().journal
    except ConfigurationError:
        typer.echo("autoops: some settings are invalid and not used, `autoops config` shows them", err=True)
        return LangfuseConfig().journal
