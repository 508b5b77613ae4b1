"""`detect` on logs that grow: where the engine's rows are shown or written, and how it is stopped."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.text import Text

from rationanomaly.cli import console
from rationanomaly.errors import ParamsError
from rationanomaly.params import Params, VerdictKind
from rationanomaly.raw_inputs import STDIN
from rationanomaly.sinks.outbox import Outbox
from rationanomaly.sources.chunk import LineSource
from rationanomaly.sources.kinds import open_sources
from rationanomaly.stream.engine import Engine, Settled, Taken
from rationanomaly.stream.files import FileSource, PipeSource
from rationanomaly.stream.openings import note_openings
from rationanomaly.stream.output import OutputFile
from rationanomaly.stream.rows import settled_rows, taken_blocks, taken_rows
from rationanomaly.stream.run import StreamRun, Writers
from rationanomaly.stream.state_folder import StateFolder
from rationanomaly.stream.tail import TailSettings
from rationanomaly.stream.views import StyledLine, alerts_view, text_view
from rationanomaly.text.untrusted import for_terminal

_VIEWS = {"text": text_view, "alerts": alerts_view}


@dataclass(frozen=True)
class StreamOptions:
    """What `detect` was told of a stream; see its options."""

    logs: tuple[str, ...]
    output: Path | None
    log_format: str
    ledger: Path | None
    verdict: VerdictKind | None
    follow: bool
    state: Path | None
    view: Literal["json", "text", "alerts"]


def detect_stream(model: str, options: StreamOptions, params: Params) -> None:
    """Judge the lines of logs as they come, until they end or the process is told to stop."""
    with ExitStack() as stack:
        state = options.state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rationanomaly-")))
        # Before the model is loaded, which takes seconds: logs are rotated meanwhile, too.
        source = _files(options, params, state) if options.logs else _named_sources(params)
        engine = Engine.open(
            model, state, params, ledger=options.ledger, log_format=options.log_format, verdict=options.verdict
        )
        stack.callback(engine.close)
        outbox = Outbox(params.watch.sinks)
        outbox.run(engine.database)
        stack.callback(outbox.stop)
        writers = _writers(options, engine, stack)
        run = StreamRun(engine, source, writers, params.watch.stream.commit_seconds, patient=options.follow)
        stack.enter_context(_stopped_by_signals(run.stop))
        if not options.follow:
            stack.enter_context(console.progress_bars("detect"))
        run.run()


def _named_sources(params: Params) -> LineSource:
    sources = open_sources(params.watch.sources, params.parse.max_line_bytes)
    if sources is None:
        raise ParamsError("name a log file, or sources of lines", hint="docs/sources.md shows watch.sources.of")
    return sources


def _files(options: StreamOptions, params: Params, state: Path) -> LineSource:
    paths = [Path(log) for log in options.logs]
    settings, parse = params.watch.stream, params.parse
    pipes = [path for path in paths if path == STDIN or path.is_fifo()]
    if not pipes:
        limits = parse.max_line_bytes, parse.max_expansion
        with closing(StateFolder.open(state)) as folder:
            openings = note_openings(folder.connection, paths, *limits, time.time())
        return FileSource(
            paths,
            TailSettings(*limits, settings.rotated_seconds),
            follow=options.follow,
            format_name=options.log_format,
            poll_seconds=settings.poll_seconds,
            openings=openings,
        )
    if len(paths) > 1:
        raise ParamsError("a pipe is read alone", hint="Name standard input, or files")
    return PipeSource(pipes[0], options.log_format, settings.poll_seconds)


def _writers(options: StreamOptions, engine: Engine, stack: ExitStack) -> Writers:
    write: Callable[[bytes], None] = _write_to_stdout
    if options.output is not None:
        file = OutputFile(options.output, engine.connection)
        stack.callback(file.close)
        write = file.append
        if options.view == "json":
            blocks = file.append_blocks
            return Writers(lambda taken: blocks(taken_blocks(taken)), lambda settled: write(settled_rows(settled)))
    if options.view == "json":
        return Writers(lambda taken: write(taken_rows(taken)), lambda settled: write(settled_rows(settled)))
    view = _VIEWS[options.view]
    show = _show if options.output is None else _writing(write)

    def give(found: Taken | Settled) -> None:
        show(view(found))

    return Writers(give, give)


def _write_to_stdout(rows: bytes) -> None:
    # Behind a pipe there may be a terminal; as JSON it means the same.
    sys.stdout.write(for_terminal(rows.decode(), lines=True))
    sys.stdout.flush()


def _show(lines: Iterator[StyledLine]) -> None:
    for line in lines:
        console.STDOUT.print(Text(line.text, style=line.style), soft_wrap=True)
    sys.stdout.flush()


def _writing(append: Callable[[bytes], None]) -> Callable[[Iterator[StyledLine]], None]:
    return lambda lines: append("".join(f"{line.text}\n" for line in lines).encode())


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the stream in order, a second one at once; all that is stored stays."""

    def handle(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
