"""Write each component's README from its signature, docstring and the list of steps.

python -m components.readme            # write
python -m components.readme --check    # exit 1 where one is out of step
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

from rationanomaly.steps import STEPS, Step

_HERE = Path(__file__).parent


def readme(step: Step) -> str:
    """The README of the component of ``step``."""
    component = getattr(importlib.import_module(f"components.{step.name}.component"), step.name)
    docstring = inspect.getdoc(component.python_func) or ""
    summary, _, arguments = docstring.partition("\n\nArgs:\n")
    descriptions = dict(line.strip().split(": ", 1) for line in arguments.splitlines() if ": " in line)
    specification = component.component_spec
    rows = ["| name | direction | type | what |", "| --- | --- | --- | --- |"]
    for direction, slots in (("in", specification.inputs or {}), ("out", specification.outputs or {})):
        for name, slot in slots.items():
            kind = slot.type.partition("@")[0]
            rows.append(f"| `{name}` | {direction} | {kind} | {descriptions[name]} |")
    sources = ", ".join(f"`data.{name}`" for name in step.sources) or "none"
    sections = ", ".join(f"`{name}`" for name in step.params)
    return "\n".join(
        [
            f"# `{step.name}`",
            "",
            "<!-- Written by `make docs` from component.py and rationanomaly/steps.py. -->",
            "",
            summary,
            "",
            *rows,
            "",
            f"Raw inputs: {sources}. Params that make its output stale: {sections}.",
            "",
            "The same step from the command line:",
            "",
            "```",
            f"rationanomaly {step.name} --help",
            "```",
            "",
        ]
    )


def main() -> int:
    """Write or check all READMEs; the number of those out of step is told on standard error."""
    stale = 0
    for step in STEPS:
        path = _HERE / step.name / "README.md"
        text = readme(step)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path}: out of step with component.py. Run `make docs`.\n")
            stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
