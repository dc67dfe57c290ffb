"""MLflow into a local SQLite file: the one SDK of the field whose spans end up in a durable local store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from peers import mlflow_tracing
from peers.mlflow_tracing import IMPORT, QUIET

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IMPORT", "REQUIRES", "TITLE", "VERSION_OF", "build", "environment"]

TITLE = "MLflow, local SQLite"
REQUIRES = ("mlflow",)
VERSION_OF = "mlflow"
FILE = "mlflow.db"


def environment(url: str, *, is_on: bool) -> Mapping[str, str]:
    """Store in the worker's own folder."""
    del url, is_on
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{FILE}", **QUIET}


def build(url: str, *, is_on: bool) -> Recorder:
    """Switch tracing off if asked to."""
    del url
    return Recorder(is_on=is_on)


class Recorder(mlflow_tracing.Recorder):
    """MLflow, and what stands in its file."""

    def flush(self) -> None:
        """Wait until the file has everything."""
        self._mlflow.flush_trace_async_logging()

    def counts(self) -> dict[str, Any]:
        """Spans in the file."""
        with closing(sqlite3.connect(FILE)) as connection:
            (kept,) = connection.execute("SELECT COUNT(*) FROM spans").fetchone()
        return {"kept": kept, "dropped": 0}
