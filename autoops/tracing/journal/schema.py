"""The journal's tables, and how a file is brought up to them.

The schema is open: any SQL tool may read the file while it is being written. Ids are lower-case hex, times are
nanoseconds since the epoch unless a name says otherwise, and JSON stands as text.

Migrations only add. Each file also names the lowest schema that may write to it, so that an older program met by a newer
file leaves it alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from autoops.errors import JournalError, JournalNewer

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID: Final = 0x4155544F
"""``AUTO``: what ``file(1)`` and a careful reader tell our journals by."""

OPEN: Final = 0
"""A span that has begun and not ended."""
INTERRUPTED: Final = 1
"""A span whose process died: ended at the last heartbeat, until a real end replaces it."""
ENDED: Final = 2
"""A span that was ended."""

SPAN: Final = 0
"""Outbox kind: ``seq`` is a row of ``spans``."""
SCORE: Final = 1
"""Outbox kind: ``seq`` is a row of ``scores``."""

M001_INITIAL: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Where spans are to be sent: a Langfuse project is known by its host and public key.
CREATE TABLE destinations (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    public_key TEXT NOT NULL,
    UNIQUE (host, public_key)
);

-- Who writes here. A heartbeat 60 s old means that the process is gone.
CREATE TABLE processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pid INTEGER NOT NULL,
    program TEXT NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL,
    ended_at REAL,
    health TEXT NOT NULL DEFAULT '{}'
);

-- What is common to all spans that one configuration of one process records. No destination: recorded to stay local.
CREATE TABLE resources (
    id INTEGER PRIMARY KEY,
    process_id INTEGER NOT NULL REFERENCES processes (id),
    destination_id INTEGER REFERENCES destinations (id),
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    attributes TEXT NOT NULL
);

-- What is common to all spans of a trace; joined to each when it is sent.
CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    root_span_id TEXT,
    name TEXT,
    session_id TEXT,
    user_id TEXT,
    tags TEXT,
    version TEXT,
    public INTEGER,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,
    sampled INTEGER NOT NULL,
    sample_rate REAL NOT NULL,
    span_count INTEGER NOT NULL DEFAULT 0,
    error_count INTEGER NOT NULL DEFAULT 0,
    warning_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX traces_by_start ON traces (start_ns);
CREATE INDEX traces_by_session ON traces (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX traces_by_user ON traces (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE spans (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    agent TEXT,
    operation TEXT,
    decision TEXT,
    confidence REAL,
    level TEXT NOT NULL,
    status_message TEXT,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,
    state INTEGER NOT NULL,
    input TEXT,
    output TEXT,
    attributes TEXT NOT NULL,
    events TEXT,
    links TEXT,
    scope TEXT NOT NULL,
    resource_id INTEGER NOT NULL REFERENCES resources (id)
);
CREATE UNIQUE INDEX spans_by_id ON spans (trace_id, span_id);
CREATE INDEX spans_unfinished ON spans (span_id) WHERE state < 2;

-- What is still to be sent. A row leaves when its receipt is in hand.
CREATE TABLE outbox (
    destination_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    PRIMARY KEY (destination_id, kind, seq)
) WITHOUT ROWID;

CREATE TABLE scores (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    score_id TEXT NOT NULL UNIQUE,
    trace_id TEXT NOT NULL,
    span_id TEXT,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    data_type TEXT NOT NULL,
    comment TEXT,
    extra TEXT,
    timestamp_ns INTEGER NOT NULL,
    resource_id INTEGER NOT NULL REFERENCES resources (id)
);
CREATE INDEX scores_by_trace ON scores (trace_id);

-- What the server refused, with its words.
CREATE TABLE rejected (
    destination_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    status INTEGER NOT NULL,
    message TEXT NOT NULL,
    rejected_at REAL NOT NULL,
    PRIMARY KEY (destination_id, kind, seq)
) WITHOUT ROWID;

-- Kept with every change, so that nobody has to count.
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

M002_BOOKS: Final = """
-- Of the spans that a process has begun: begun = ended + open + buffered + filtered + dropped, as of its last commit.
-- ``ended`` stand here; ``buffered`` were on their way, ``filtered`` were left out by the settings.
ALTER TABLE processes ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN buffered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN filtered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE processes ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
"""

M003_RETENTION: Final = """
-- By when rows had been recorded: at this moment these were the latest ``seq``. Spans' own clocks may lie.
CREATE TABLE recorded (
    at REAL PRIMARY KEY,
    span_seq INTEGER NOT NULL,
    score_seq INTEGER NOT NULL
) WITHOUT ROWID;

-- Traces that are hidden and whose rows up to ``last_seq`` are being deleted, slice by slice.
CREATE TABLE doomed (
    trace_id TEXT PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
"""

M004_SAMPLING: Final = """
-- ``sampled`` says whether the trace is sent. ``sampling_reason``: what chance it was left to (head, throttle);
-- ``sampling_value``: why it is sent whatever chance said. ``spans_lost``: dropped on their way to the journal.
ALTER TABLE traces ADD COLUMN sampling_reason TEXT NOT NULL DEFAULT 'head';
ALTER TABLE traces ADD COLUMN sampling_value TEXT;
ALTER TABLE traces ADD COLUMN spans_lost INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: Final[tuple[str, ...]] = (M001_INITIAL, M002_BOOKS, M003_RETENTION, M004_SAMPLING)
"""Step *n* brings a file from version *n* to *n* + 1."""

VERSION: Final = len(MIGRATIONS)
LOWEST_WRITER: Final = 1
"""The oldest schema whose programs may still write to files of ``VERSION``."""


def configure(connection: sqlite3.Connection) -> None:
    """Set what each connection must set for itself.

    A checkpoint is left to one process (SQLite before 3.51.3 can corrupt a file on concurrent checkpoints), so the
    automatic one is off. ``busy_timeout`` is short: our threads retry rather than sit in SQLite's sleep.
    """
    connection.execute("PRAGMA busy_timeout = 200")
    connection.execute("PRAGMA synchronous = FULL")
    # Pages that are split leave copies behind: what is deleted later must not be readable in them.
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA journal_size_limit = 67108864")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open file up to ``VERSION``.

    Raises:
        JournalNewer: The file was written by a newer program that this one may not join.
        JournalError: The file is another program's database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _check_ours(connection)
    if version > VERSION:
        row = connection.execute("SELECT value FROM meta WHERE key = 'lowest_writer'").fetchone()
        if row is None or int(row[0]) > VERSION:
            raise JournalNewer(f"the journal has schema {version}, this program writes schema {VERSION}")
        return
    if version == VERSION:
        return
    if version == 0:
        # Both must be set before the first table and before WAL: neither can be changed afterwards without a VACUUM.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated the file while this one waited for the lock.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for step in MIGRATIONS[version:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('lowest_writer', ?)", (str(LOWEST_WRITER),)
        )
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _check_ours(connection: sqlite3.Connection) -> None:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if tables and mark != APPLICATION_ID:
        raise JournalError("the file is the database of another program: set AUTOOPS_JOURNAL to another path")


def _statements(script: str) -> list[str]:
    """Split a script at its semicolons: ``executescript`` would commit the transaction around it."""
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [statement for part in "\n".join(lines).split(";") if (statement := part.strip())]
