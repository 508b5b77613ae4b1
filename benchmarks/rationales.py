"""Whether rationales are worth reading: 50 texts are drawn for two blind readers, and their scores tabulated.

    python -m benchmarks.rationales draw DIR/seed-0 --others FILE --output FOLDER
    python -m benchmarks.rationales tabulate FOLDER --scores A.json --scores B.json --output docs/rationales.md

`draw` takes 40 texts of the final model from the test side of a kept seed (`kept_seeds`), 20 of abnormal templates and
20 of normal ones, and mixes in ten of an earlier model, five and five, out of JSON Lines with ``template``, ``label``,
``answer`` and ``rationale``. No two of the 50 are of one group of near-duplicates. What decides is the seed, nothing
that a text says; a verdict without a text can't be drawn. FOLDER/sheet.md is for the readers: the rubric, then logs,
texts and verdicts by number, with neither labels nor models. FOLDER/key.json has these, and no reader sees it before
the scores are in. An entry's last sentence is left out where it only repeats the verdict: an earlier model that writes
none would be known by that.

Each reader hands in JSON, ``{"1": [faithful, useful, fluent], …}``. `tabulate` writes means, agreement, and every text
with its scores; its bars are the means of the final model over both readers, and it exits with 1 if one is short.
Published logs are named by their hashes, for they may not be passed on; with --simulated they are shown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.rationale_drawing import draw, read_earlier, read_groups, read_ours, sheet
from benchmarks.rationale_scores import bars, document, read_key, read_scores
from rationanomaly.artifacts import write_json, write_text
from rationanomaly.errors import InputError, RationAnomalyError
from rationanomaly.text.untrusted import for_terminal

SHEET, KEY = "sheet.md", "key.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw or tabulate; 1 if a bar is short, an error's own code and one line if something can't be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="write a sheet for the readers and its key")
    drawing.add_argument(
        "kept",
        type=Path,
        metavar="DIR/seed-N",
        help="a seed that bench-learning kept, or the outputs of a pipeline run",
    )
    drawing.add_argument("--others", type=Path, required=True, metavar="FILE", help="an earlier model's texts")
    drawing.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    drawing.add_argument("--seed", type=int, default=0, help="of the drawing")
    tabulating = commands.add_parser("tabulate", help="print what the readers scored")
    tabulating.add_argument("folder", type=Path, metavar="FOLDER", help="what `draw` wrote")
    tabulating.add_argument("--scores", type=Path, action="append", required=True, help="one for each of two readers")
    tabulating.add_argument("--note", default="", help="a paragraph for the document: commits, seed, who read")
    tabulating.add_argument("--simulated", action="store_true", help="the logs are simulated and may be shown")
    tabulating.add_argument("--output", type=Path, metavar="FILE", help="write the document, too")
    options = parser.parse_args(arguments)
    try:
        if options.command == "draw":
            return _draw(options.kept, options.others, options.output, options.seed)
        return _tabulate(options)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _draw(kept: Path, others: Path, output: Path, seed: int) -> int:
    for name in (SHEET, KEY):
        if (output / name).exists():
            raise InputError("is there already", file=output / name, hint="Name a folder without a sheet and its key")
    entries = draw(read_ours(kept), read_earlier(others), read_groups(kept), seed)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / KEY, {str(number): asdict(entry) for number, entry in enumerate(entries, 1)})
    write_text(output / SHEET, sheet(entries))
    print(f"{len(entries)} texts: {for_terminal(str(output / SHEET))} is for the readers, {KEY} beside it is not")
    return 0


def _tabulate(options: argparse.Namespace) -> int:
    if len(options.scores) != 2:
        raise InputError(f"{len(options.scores)} files of scores are named", hint="Name one for each of two readers")
    entries = read_key(options.folder / KEY)
    readers = [read_scores(path, entries) for path in options.scores]
    page = document(entries, readers, options.note, show_templates=options.simulated)
    if options.output is not None:
        write_text(options.output, page)
    print(page)
    short = False
    for name, value, target in bars(entries, readers):
        short |= value < target
        print(f"{name} = {value:.3f} (target {target}) {'ok' if value >= target else 'short'}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
