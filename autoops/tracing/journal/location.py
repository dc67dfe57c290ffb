"""Where the journal lies: the place asked for, the user's state folder, or memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "fuse.sshfs",
        "sshfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "ncpfs",
    }
)
"""File systems on which SQLite's locks or shared memory cannot be trusted."""
MOUNTS: Final = Path("/proc/self/mounts")
"""Linux's table of what is mounted where."""
UNREACHABLE: Final = (OSError, RuntimeError, ValueError)
"""What a path raises that leads nowhere: ``RuntimeError`` is an endless chain of links, or nobody's home directory."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place for the journal: a file, or memory when ``path`` is None; ``reason`` says why it is not the one asked for."""

    path: Path | None
    reason: str | None = None


MEMORY_ASKED_FOR: Final = Location(None, "AUTOOPS_JOURNAL=off: kept in memory")


def candidates(journal: str, mounts: Path = MOUNTS) -> list[Location]:
    """Places to try, best first, for the setting ``AUTOOPS_JOURNAL``; memory is always last."""
    if journal == "off":
        return [MEMORY_ASKED_FOR]
    try:
        wanted = _where_it_lies(journal)
        kind = file_system(wanted, mounts)
    except UNREACHABLE as error:
        # Another user's folder, a name that is too long, links that lead to themselves: nothing can be opened there.
        return _instead_of(journal, f" ({error})", mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        return [
            Location(
                None, f"{wanted} is on a network file system ({kind}), where SQLite's locks cannot be trusted"
            )
        ]
    return [Location(wanted), *_instead_of(wanted, "", mounts)]


def real_name(journal: str) -> str:
    """The same name for the same file, however it was named; the name as it is where it cannot be followed."""
    try:
        return os.path.realpath(Path(journal).expanduser())
    except UNREACHABLE:
        return journal


def _where_it_lies(journal: str) -> Path:
    wanted = Path(journal).expanduser().absolute()
    # SQLite keeps the log beside the file itself, so that is the place to care for.
    return wanted.resolve() if wanted.is_symlink() else wanted


def _instead_of(wanted: str | Path, why: str, mounts: Path) -> list[Location]:
    """Places to try if the one that was asked for cannot be used; ``why`` follows each of their reasons."""
    fallback = state_folder() / "journal.db"
    memory = Location(None, f"neither {wanted} nor {fallback} can be written: kept in memory{why}")
    try:
        if file_system(fallback, mounts) in NETWORK_FILE_SYSTEMS:
            return [memory]
    except UNREACHABLE:
        return [memory]
    return [Location(fallback, f"{wanted} cannot be written{why}"), memory]


def state_folder() -> Path:
    """The user's folder for state, as the XDG base directory specification has it by default."""
    try:
        return Path.home() / ".local" / "state" / "autoops"
    except RuntimeError:
        # No home directory is known for this user: a place that cannot be made leads on to memory.
        return Path(os.devnull) / "autoops"


def prepare(path: Path) -> None:
    """Make the journal's folder and an empty file, for their owner only, and keep them out of git.

    Raises:
        OSError: The folder cannot be made or written.
    """
    prepare_folder(path.parent)
    create_private(path)


def prepare_folder(folder: Path) -> None:
    """Make a folder and those above it, for their owner only; one that is there stays as it is.

    Raises:
        OSError: It cannot be made or written.
    """
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
        # The umask may have taken more than was asked for.
        missing.chmod(0o700)
    if folder.name == ".autoops":
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} is not writable")


def create_private(path: Path) -> None:
    """Make an empty file for its owner only, whatever the umask; one that is there stays as it is."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system that holds ``path``, on Linux; None where it cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    target = os.path.realpath(path)
    best, kind = "", None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind
