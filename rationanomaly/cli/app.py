"""The command line: the steps are made from `steps.STEPS`; what comes before and after them is by hand.

rationanomaly parse --params params.yaml --output outputs/laptop/parse
rationanomaly detect --model outputs/laptop/grpo app.log
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly import __version__
from rationanomaly.cli import after, before, console, deprecated, standard_output
from rationanomaly.cli.clean_state import clean_state
from rationanomaly.cli.detect import detect
from rationanomaly.cli.drift import drift
from rationanomaly.cli.incidents import incidents
from rationanomaly.cli.inert_group import InertGroup
from rationanomaly.cli.ledger import ledger
from rationanomaly.cli.promotion import promote, promotions, rollback
from rationanomaly.cli.repair_database import repair_database
from rationanomaly.cli.safe_to_drop import safe_to_drop
from rationanomaly.cli.serve import serve, tools
from rationanomaly.cli.standard_output import StandardOutputError
from rationanomaly.cli.steps import step_command, step_help
from rationanomaly.cli.templates import templates
from rationanomaly.errors import INTERRUPTED, PIPE_CLOSED, InfrastructureError, RationAnomalyError, named_extras
from rationanomaly.steps import STEPS
from rationanomaly.text.secrets import strike_error

app = typer.Typer(
    cls=InertGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Reads system logs, says which are anomalous, and shows its reasoning.",
)


@app.callback()
def _global_options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is being done.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the frames of an error.")] = False,
) -> None:
    console.set_up_logging(verbose, debug)


def version() -> None:
    """Print the version.

    Example:

        rationanomaly version
    """
    sys.stdout.write(f"{__version__}\n")


_BEFORE: Mapping[str, Callable[..., None]] = {
    "fetch": before.fetch,
    "simulate": before.simulate,
    "pretrain": before.pretrain,
    "params": before.print_params,
    "preview": before.preview,
    "estimate": before.estimate,
    "review": before.review,
}
_AFTER: Mapping[str, Callable[..., None]] = {
    "summary": after.summary,
    "detect": detect,
    "incidents": incidents,
    "serve": serve,
    "tools": tools,
    "drift": drift,
    "safe-to-drop": safe_to_drop,
    "refit": after.refit,
    "promote": promote,
    "rollback": rollback,
    "promotions": promotions,
    "clean-state": clean_state,
    "repair-database": repair_database,
    "version": version,
}

for _name, _command in _BEFORE.items():
    app.command(_name, rich_help_panel="Before the pipeline")(_command)
app.add_typer(ledger, name="ledger", rich_help_panel="Before the pipeline")
app.add_typer(templates, name="templates", rich_help_panel="Before the pipeline")
for _step in STEPS:
    _make = deprecated.COMMANDS.get(_step.name, step_command)
    app.command(_step.name, help=step_help(_step), rich_help_panel="Steps of the pipeline")(_make(_step))
for _name, _command in _AFTER.items():
    app.command(_name, rich_help_panel="After the pipeline")(_command)


def main() -> None:
    """Entry point of `rationanomaly`."""
    run_app(app)


def run_app(application: typer.Typer) -> None:
    """Run a command line: an error of ours is one line and its exit code; ``--debug`` shows the frames of any."""
    # OpenMP and OpenBLAS read these when torch and NumPy are loaded; spinning threads make two busy cores many times
    # slower: a decomposition of 0.1 s then took up to 7.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    debug = "--debug" in sys.argv
    try:
        with standard_output.watched(), named_extras():
            application()
    except RationAnomalyError as error:
        _fail(str(error), error.exit_code, debug)
    except SystemExit as exit_:
        # Typer makes an exit of Ctrl-C, and would say nothing.
        interrupt = exit_.__context__ and exit_.__context__.__cause__
        if not isinstance(interrupt, KeyboardInterrupt):
            raise
        kept = "interrupted; nothing half-written was kept; run the same command to continue"
        _fail(str(interrupt) or kept, INTERRUPTED, debug)
    except StandardOutputError as error:
        if error.errno == errno.EPIPE:
            sys.exit(PIPE_CLOSED)
        hint = "Make room where it goes, or let it go elsewhere"
        refused = InfrastructureError(f"standard output: {error.strerror}", hint=hint)
        _fail(str(refused), refused.exit_code, debug)
    except Exception as error:
        if (place := _place_error(error)) is not None:
            _fail(str(place), place.exit_code, debug)
        _fail(f"{type(error).__name__}: {error} (a bug of ours; --debug before the command shows where)", 1, debug)


#: What a system says of a place, rather than of what we do there.
_OF_PLACES = frozenset(
    (
        errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EROFS,
        errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENXIO, errno.ESTALE,
    )
)  # fmt: skip


def _place_error(error: Exception) -> InfrastructureError | None:
    """What a file or a folder refused, whoever opened it; None for another error."""
    if not isinstance(error, OSError) or error.errno not in _OF_PLACES or not isinstance(error.filename, str | bytes):
        return None
    hint = "Check the path, and who may read and write there"
    return InfrastructureError(os.strerror(error.errno), file=Path(os.fsdecode(error.filename)), hint=hint)


def _fail(message: str, exit_code: int, debug: bool) -> None:
    if debug:
        if (error := sys.exception()) is not None:
            strike_error(error)
        console.show_frames()
    console.show_error(message)
    sys.exit(exit_code)
