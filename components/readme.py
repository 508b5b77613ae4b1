"""Write the README of each component of a step from its signature, docstring and the list of steps.

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


def readme(name: str, step: Step) -> str:
    """The README of the component ``name``, which does ``step`` or a share of it."""
    component = getattr(importlib.import_module(f"components.{name}.component"), name)
    docstring = inspect.getdoc(component.python_func) or ""
    summary, _, arguments = docstring.partition("\n\nArgs:\n")
    descriptions = dict(line.strip().split(": ", 1) for line in arguments.splitlines() if ": " in line)
    specification = component.component_spec
    rows = ["| name | direction | type | what |", "| --- | --- | --- | --- |"]
    for direction, slots in (("in", specification.inputs or {}), ("out", specification.outputs or {})):
        for slot_name, slot in slots.items():
            kind = slot.type.partition("@")[0]
            kind = f"list of {kind}" if slot.is_artifact_list else kind
            rows.append(f"| `{slot_name}` | {direction} | {kind} | {descriptions[slot_name]} |")
    heading = [f"# `{name}`", "", "<!-- Written by `make docs` from component.py and rationanomaly/steps.py. -->", ""]
    return "\n".join([*heading, summary, "", *rows, "", *(_whole(step) if name == step.name else _share(step)), ""])


def _whole(step: Step) -> list[str]:
    sources = ", ".join(f"`data.{name}`" for name in step.sources) or "none"
    sections = ", ".join(f"`{name}`" for name in step.params)
    return [
        f"Raw inputs: {sources}. Params that make its output stale: {sections}.",
        "",
        "The same step from the command line:",
        "",
        "```",
        f"rationanomaly {step.name} --help",
        "```",
    ]


def _share(step: Step) -> list[str]:
    components = ", ".join(f"`{name}`" for name in step.fanned_out)
    return [
        f"Where `cluster.{step.shards}` is above 1, {components} take the place of `{step.name}`; the output is equal."
    ]


def main() -> int:
    """Write or check all READMEs; the number of those out of step goes to standard error."""
    stale = 0
    for step in STEPS:
        for name in (step.name, *step.fanned_out):
            path = _HERE / name / "README.md"
            text = readme(name, step)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
            elif not path.is_file() or path.read_text(encoding="utf-8") != text:
                sys.stderr.write(f"{path}: out of step with component.py. Run `make docs`.\n")
                stale += 1
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
