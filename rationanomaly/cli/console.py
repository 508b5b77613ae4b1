"""What a person sees in a terminal: bars with remaining time, one clear line for an error, the closing tables."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.traceback import Traceback

from rationanomaly.errors import brief
from rationanomaly.progress import Event, listening
from rationanomaly.text.secrets import strike
from rationanomaly.text.untrusted import InertFormatter, for_terminal

#: Everything but results goes to standard error, so that standard output can be piped.
STDERR = Console(stderr=True, highlight=False)
STDOUT = Console(highlight=False)
_SECONDS_BETWEEN_LINES = 15.0
#: Characters of an error.
_LONGEST = 2000
#: Of urllib3 the child alone: KFP's client sets the parent's level.
_CHATTY = ("transformers", "datasets", "trl", "peft", "accelerate", "deepspeed", "mlflow", "alembic", "httpx", "torch",
           "urllib3.connectionpool")  # fmt: skip


def set_up_logging(verbose: bool, debug: bool) -> None:
    """Show warnings of the library; with ``verbose`` its information, with ``debug`` everything of everybody."""
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    handler = _LineHandler(show_path=debug)
    handler.setFormatter(InertFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("rationanomaly").setLevel(level)
    threading.excepthook = _log_thread_error
    # What a step is going to take is said to everybody, before it takes it, and what an import took.
    for name in ("model.budget", "distill.acceptance"):
        logging.getLogger(f"rationanomaly.{name}").setLevel(min(level, logging.INFO))
    if not debug:
        warnings.simplefilter("ignore")
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.ERROR)


def _log_thread_error(failed: threading.ExceptHookArgs) -> None:
    """What ends a thread goes the way of all errors: Python would write it to the terminal as it is."""
    if failed.exc_type is not SystemExit and failed.exc_value is not None:
        logging.getLogger("rationanomaly").error("a thread of ours ended", exc_info=failed.exc_value)


class _LineHandler(logging.Handler):
    """One line for each record, which only the terminal wraps: a link that was broken in two could not be followed."""

    def __init__(self, show_path: bool) -> None:
        super().__init__()
        self._show_path = show_path

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record."""
        try:
            path = f" [dim]{escape(record.filename)}:{record.lineno}[/]" if self._show_path else ""
            level = f"[logging.level.{record.levelname.lower()}]{escape(record.levelname):<8}[/]"
            STDERR.print(f"{level} {escape(self.format(record))}{path}", soft_wrap=True)
        except Exception:
            self.handleError(record)


def show_error(message: str) -> None:
    """One line, whatever the message holds, and no more of it than a person reads."""
    STDERR.print(f"[bold red]error[/] {escape(brief(strike(message), _LONGEST))}", soft_wrap=True)


def show_frames() -> None:
    """The frames of the error that is being handled."""
    STDERR.print(_InertFrames(Traceback(show_locals=False)))


@contextmanager
def until_interrupted(line: str) -> Iterator[None]:
    """Let Ctrl-C inside the block be its end, as it is meant, and say this line."""
    try:
        yield
    except KeyboardInterrupt:
        STDERR.print(inert(line), soft_wrap=True)


class _InertFrames:
    """Shows what rich makes of something, without characters that the terminal would obey."""

    def __init__(self, shown: Traceback) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._shown, options):
            yield segment if segment.control else Segment(for_terminal(segment.text, lines=True), segment.style)


def inert(text: str) -> str:
    """Text of strangers for a string in which rich reads markup: a name from a log, another process or a server."""
    return escape(for_terminal(text))


@contextmanager
def progress_bars(title: str) -> Iterator[None]:
    """Draw the progress events raised inside the block: bars in a terminal, now and then a line elsewhere."""
    started = time.monotonic()
    if STDERR.is_terminal:
        with _bars() as progress, listening(_Drawer(progress, title)):
            yield
    else:
        with listening(_Reporter(title)):
            yield
    STDERR.print(f"[green]✓[/] {escape(title)} [dim]{_duration(time.monotonic() - started)}[/]")


def _bars() -> Progress:
    return Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[metrics]}"),
        console=STDERR,
        transient=True,
    )


class _Drawer:
    """Keeps one bar per task."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress, self._title = progress, title
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Event) -> None:
        if event.task not in self._tasks:
            description = inert(f"{self._title}: {event.task}")
            self._tasks[event.task] = self._progress.add_task(description, unit=inert(event.unit), metrics="")
        self._progress.update(
            self._tasks[event.task],
            completed=event.done,
            total=event.total,
            unit=inert(event.unit),
            metrics=inert(_metrics_text(event)),
        )


class _Reporter:
    """Writes a line when a task is done, and every quarter of a minute while it is not."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._reported: dict[str, tuple[float, bool]] = {}
        #: When a task was first heard of, and what was done by then: a training that is resumed has much behind it.
        self._first: dict[str, tuple[float, float]] = {}

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        started, done_before = self._first.setdefault(event.task, (now, event.done))
        reported_at, finished = self._reported.get(event.task, (started, False))
        done = event.total is not None and event.done >= event.total
        if finished or (not done and now - reported_at < _SECONDS_BETWEEN_LINES):
            return
        self._reported[event.task] = (now, done)
        total = f"/{event.total:,.0f}" if event.total is not None else ""
        line = f"  {self._title}: {event.task} {event.done:,.0f}{total} {event.unit}"
        if not done and event.total and event.done > done_before:
            line += f", {_duration((now - started) / (event.done - done_before) * (event.total - event.done))} left"
        STDERR.print(inert(f"{line} {_metrics_text(event)}".rstrip()), style="dim", soft_wrap=True)


def _metrics_text(event: Event) -> str:
    return " ".join(f"{name} {value:.4g}" for name, value in event.metrics.items())


def _duration(seconds: float) -> str:
    minutes, remainder = divmod(round(seconds), 60)
    return f"{minutes} min {remainder} s" if minutes else f"{seconds:.1f} s"
