"""Draw the summary of a run as SVG, for README.md: what `make demo` ends with.

python docs/picture.py outputs/laptop docs/images/summary.svg
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from rationanomaly.cli.summary_table import show_summary
from rationanomaly.evaluate.summary import read_summary

_WIDTH = 110  # characters: what the longest line of the closing lines takes
_BLACK, _WHITE = (24, 26, 31), (222, 226, 232)
_COLOURS = [(40, 44, 52), (240, 113, 120), (126, 199, 125), (229, 192, 123), (97, 175, 239), (198, 120, 221),
            (86, 182, 194), _WHITE]  # fmt: skip
_THEME = TerminalTheme(_BLACK, _WHITE, _COLOURS, _COLOURS)


def draw(outputs: Path) -> str:
    """The summary of the run in ``outputs`` as SVG; it loads no font from elsewhere."""
    console = Console(record=True, width=_WIDTH, highlight=False, file=io.StringIO(), force_terminal=True)
    show_summary(read_summary(outputs), console)
    # Equal runs give equal files: the names of styles would be random.
    svg = console.export_svg(title="make demo", theme=_THEME, unique_id="summary")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code,", "").replace("font-family: Fira Code", "font-family: monospace")


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(draw(source), encoding="utf-8")
