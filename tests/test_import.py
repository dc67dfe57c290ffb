"""Importing costs and starts nothing."""

from __future__ import annotations

import importlib

import pytest
from children import run_python

DOORS = ["config.settings", "config.langfuse_config", "config.langfuse_integration"]
HEAVY = [
    "langfuse",
    "pydantic",
    "pydantic_settings",
    "httpx",
    "openai",
    "requests",
    "nicegui",
    "pandas",
    "numpy",
]

IMPORT = """
import json, socket, sys, threading
connections = []
def connect(*args):
    connections.append(args)
    raise OSError("no connection while importing")
socket.socket.connect = connect
for name in sys.argv[1].split(","):
    __import__(name)
print(json.dumps([
    [name for name in sys.argv[2].split(",") if name in sys.modules],
    [thread.name for thread in threading.enumerate()],
    len(connections),
]))
"""


@pytest.mark.parametrize("modules", [*DOORS, ",".join(DOORS), "autoops", "autoops.tracing", "config"])
def test_importing_starts_nothing(modules: str) -> None:
    """No thread, no connection, no file; the SDK, pydantic and the HTTP client wait until they are needed."""
    loaded, threads, connections = run_python(IMPORT, modules, ",".join(HEAVY))

    assert loaded == []
    assert threads == ["MainThread"]
    assert connections == 0


@pytest.mark.parametrize(
    ("door", "names"),
    [
        ("config.settings", {"LangfuseSettings", "get_settings"}),
        (
            "config.langfuse_config",
            {
                "LangfuseConfig",
                "LangfuseClient",
                "get_langfuse_client",
                "initialize_langfuse",
                "shutdown_langfuse",
            },
        ),
        (
            "config.langfuse_integration",
            {
                "LangfuseIntegrationService",
                "get_langfuse_integration",
                "initialize_langfuse_integration",
                "shutdown_langfuse_integration",
            },
        ),
    ],
)
def test_the_doors_have_the_documented_names(door: str, names: set[str]) -> None:
    """Exactly those are public, and the tracing room has the same objects."""
    module = importlib.import_module(door)

    assert set(module.__all__) == names
    tracing = importlib.import_module("autoops.tracing")
    assert all(getattr(tracing, name) is getattr(module, name) for name in names)


def test_every_public_name_of_tracing_exists() -> None:
    """``__all__`` is sorted and holds what can be had."""
    tracing = importlib.import_module("autoops.tracing")

    assert list(tracing.__all__) == sorted(tracing.__all__)
    assert all(hasattr(tracing, name) for name in tracing.__all__)
