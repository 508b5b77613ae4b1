"""The structure of the library, drawn from its imports: nodes, edges, cycles, upward edges, modules at the top.

python -m benchmarks.house            # the counts, with their targets
python -m benchmarks.house --edges    # every edge between nodes, too

A node is a package of the library or a module at its top. Imports inside functions count, those for type checkers too;
the lazy public face (the package's own ``__init__``) does not. DESIGN.md's paragraph on direction is `LEVELS`: a node
imports nodes of lower levels, or of its own without a cycle, and no step's package that of another step.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import rationanomaly
from rationanomaly.runs.code_identity import Code
from rationanomaly.steps import STEPS

STEP_PACKAGES = frozenset(step.name for step in STEPS)
#: From the bottom to the top.
LEVELS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "errors",
            "progress",
            "regular_files",
            "artifacts",
            "records",
            "params",
            "steps",
            "raw_inputs",
            "thresholds",
        }
    ),
    frozenset({"text", "device", "remote"}),
    frozenset(
        {
            "model",
            "decisions",
            "rulebook",
            "training",
            "launch",
            "runs",
            "baselines",
            "session_models",
            "stress",
            "rewards",
        }
    ),
    STEP_PACKAGES | {"detection", "cost", "review", "simulate", "fetch", "pretrain", "preflight", "staging"},
    frozenset({"sources", "signals", "incidents", "sinks"}),
    frozenset({"stream", "drift"}),
    frozenset({"serve"}),
    frozenset({"kfp_task", "cli"}),
)
MOST_AT_THE_TOP = 10

Graph = Mapping[str, frozenset[str]]


def draw(code: Code) -> Graph:
    """The nodes that each node imports."""
    found: dict[str, set[str]] = {}
    for name in code.modules:
        if (ours := _node(name)) is not None:
            theirs = {_node(other) for other in code.imports(name, typing=True)} - {None, ours}
            found.setdefault(ours, set()).update(other for other in theirs if other is not None)
    return {name: frozenset(others) for name, others in sorted(found.items())}


def cycles(graph: Graph) -> list[frozenset[str]]:
    """The sets of nodes that can all reach each other, of two nodes or more."""
    reach = {name: _reachable(graph, name) for name in graph}
    rings = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]}
    return sorted(rings, key=sorted)


def upward(graph: Graph) -> list[tuple[str, str]]:
    """Edges against the direction: to a higher level, or from one step's package to another's."""
    level = {name: height for height, names in enumerate(LEVELS) for name in names}
    return [
        (ours, theirs)
        for ours, others in graph.items()
        for theirs in sorted(others)
        if level[theirs] > level[ours] or {ours, theirs} <= STEP_PACKAGES
    ]


def at_the_top(code: Code) -> list[str]:
    """The modules at the top of the library, its public face among them."""
    files = {name: path for name, path in code.modules.items() if name.count(".") <= 1}
    return sorted(path.stem for name, path in files.items() if path.stem != "__init__" or "." not in name)


def _node(name: str) -> str | None:
    """The node that a module belongs to; None for the public face."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


def _reachable(graph: Graph, start: str) -> frozenset[str]:
    reached, waiting = set[str](), list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return frozenset(reached)


def _lines(graph: Graph) -> Iterator[str]:
    for name, others in graph.items():
        yield f"{name:<12} → {', '.join(sorted(others)) or '–'}"


def main() -> int:
    """Print the counts; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--edges", action="store_true", help="print every edge between nodes")
    arguments = parser.parse_args()
    code = Code(Path(rationanomaly.__file__).parent)
    graph = draw(code)
    top, rings, against = at_the_top(code), cycles(graph), upward(graph)
    if arguments.edges:
        print("\n".join(_lines(graph)))
    print(f"packages: {len(graph) - len(top) + 1}, modules at the top: {', '.join(top)}")
    print(f"edges between them: {sum(map(len, graph.values()))}")
    for ring in rings:
        print(f"cycle: {', '.join(sorted(ring))}")
    for ours, theirs in against:
        print(f"upward: {ours} → {theirs}")
    targets = {"HOUSE_CYCLES": (len(rings), 0), "HOUSE_UPWARD_EDGES": (len(against), 0)}
    targets["HOUSE_MODULES_AT_THE_TOP"] = (len(top), MOST_AT_THE_TOP)
    for name, (value, target) in targets.items():
        print(f"{name} = {value} (target {target}) {'ok' if value <= target else 'short'}")
    return 0 if all(value <= target for value, target in targets.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
