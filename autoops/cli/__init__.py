"""The `autoops` command: thin over the rooms that do the work, one file a group of commands."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from autoops.cli import config, dashboard, health, langfuse, simulate, traces
from autoops.errors import AutoOpsError, ConfigurationError, SimulationError

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""

app = typer.Typer(
    help="See every decision that software makes about prices, stock and promotions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(simulate.simulate)
app.command()(dashboard.dashboard)
app.command()(health.health)
app.command()(config.config)
app.add_typer(traces.app, name="traces", help="List, show, deliver, export and delete recorded traces.")
app.add_typer(langfuse.app, name="langfuse", help="Talk to the Langfuse server.")


def main() -> NoReturn:  # noqa: C901 - a clause for each kind of end
    """Run the command line.

    A mistake of the user's is one line on standard error and exit code 2; a fault of the system's is one line and exit
    code 1; SIGTERM ends cleanly, and SIGHUP has the settings read anew.
    """
    signal.signal(signal.SIGTERM, _terminate)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, _reload)
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            # Newer releases of typer turn Ctrl-C into this code, older ones into an Abort.
            _say("stopped", INTERRUPTED)
    except typer.Abort:
        code = _say("stopped", INTERRUPTED)
    except typer.Exit as exit_:
        code = exit_.exit_code
    except typer.TyperException as error:
        message = error.format_message()
        if message.startswith("Usage:"):
            typer.echo(message)
            code = 0
        else:
            code = _say(message, 2)
    except (ConfigurationError, SimulationError) as error:
        code = _say(str(error), 2)
    except AutoOpsError as error:
        code = _say(str(error), 1)
    except KeyboardInterrupt:
        code = _say("stopped", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        sys.stderr.close()
        code = 0
    except OSError as error:
        code = _say(f"the output cannot be written: {error.strerror or error}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str, code: int) -> int:
    typer.echo(f"autoops: {message}", err=True)
    return code


def _terminate(number: int, frame: FrameType | None) -> None:
    """Turn the signal into an exit, so that what is recorded is committed and delivered as far as time allows."""
    del frame
    sys.exit(128 + number)


def _reload(number: int, frame: FrameType | None) -> None:
    del number, frame
    process = sys.modules.get("autoops.tracing.process")
    if process is not None:
        process.reload_settings()
