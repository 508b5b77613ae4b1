"""What code a step's output depends on: the modules that its ``run`` can reach by imports, and the files beside them.

A change elsewhere changes nothing: an edited review page neither makes `grpo` run again nor parts a run from its
checkpoints. The closure is read from the source, without running it:

- every import counts, those inside functions too; those for type checkers (``if TYPE_CHECKING``) don't;
- a string that is a module's dotted name counts as an import of it: a program started with ``-m`` is reached like that;
- a package whose ``__init__`` imports by name (``import_module``) reaches all of its modules;
- files that are no Python, such as a teacher's prompts or a page, count with the package that they lie in;
- the package's own ``__init__`` is the lazy public face and reaches nothing; files at the top of the package are
  params and reach a step by value.

The params, the inputs' digests and this identity together make the key of a run (`runs.execution`).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

from rationanomaly.artifacts import sha256
from rationanomaly.steps import BY_NAME, STEPS, Step

#: Tests that only a type checker finds true.
_TYPING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


class Code:
    """The source of the package, in one folder; what is read once is kept."""

    def __init__(self, root: Path) -> None:
        """Nothing is read yet.

        Args:
            root: the folder of the package itself.
        """
        self._root, self._package = root, root.name
        self._imports: dict[tuple[str, bool], frozenset[str]] = {}
        self._closures: dict[str, tuple[Path, ...]] = {}

    @cached_property
    def modules(self) -> Mapping[str, Path]:
        """All modules by dotted name; a package's is that of its ``__init__``."""
        found = {}
        for path in sorted(self._root.rglob("*.py")):
            parts = path.relative_to(self._root.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    def imports(self, name: str, *, typing: bool = False) -> frozenset[str]:
        """The modules that a module imports, the ``__init__`` of the packages above them among them.

        Args:
            name: dotted name of the module.
            typing: count what is imported for type checkers alone, too.
        """
        if (name, typing) not in self._imports:
            named = self._named(name, typing)
            parents = {parent for one in (name, *named) for parent in _parents(one)}
            self._imports[name, typing] = frozenset((named | parents) - {name, self._package})
        return self._imports[name, typing]

    def closure(self, step: str) -> tuple[Path, ...]:
        """The files that a step's output depends on, relative to the package's folder, sorted."""
        if step not in self._closures:
            reached, waiting = set[str](), list(self._roots(BY_NAME[step]))
            while waiting:
                name = waiting.pop()
                if name not in reached:
                    reached.add(name)
                    waiting += self.imports(name)
            files = {self.modules[name] for name in reached}
            for package in {path.parent for path in files} - {self._root}:
                files |= set(_data_files(package))
            self._closures[step] = tuple(sorted(path.relative_to(self._root) for path in files))
        return self._closures[step]

    def digest(self, step: str) -> str:
        """SHA-256 in hex over the closure of a step: paths and contents."""
        rows = [f"{path.as_posix()}\0{sha256(self._root / path)}\n" for path in self.closure(step)]
        return hashlib.sha256("".join(rows).encode()).hexdigest()

    def _roots(self, step: Step) -> Iterator[str]:
        """Where a step's work begins; in several pods it begins in `fan_out` as well."""
        yield f"{self._package}.{step.name}.step"
        if step.shards:
            yield f"{self._package}.{step.name}.fan_out"

    def _named(self, name: str, typing: bool) -> set[str]:
        """The modules that a module's source names: by imports, as a string, or all of its package."""
        path, found = self.modules[name], set[str]()
        for node in _reached(ast.parse(path.read_text(encoding="utf-8")), typing):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif path.name == "__init__.py" and "import_module" in (getattr(node, "id", 0), getattr(node, "attr", 0)):
                found |= {other for other in self.modules if other.startswith(f"{name}.")}
        return found & self.modules.keys()


@cache
def _installed() -> Code:
    return Code(Path(__file__).parents[1])


def closure(step: str) -> tuple[Path, ...]:
    """The files of the installed package that a step's output depends on, relative to its folder, sorted."""
    return _installed().closure(step)


@cache
def digest(step: str) -> str:
    """SHA-256 in hex over a step's closure in the installed package, as it was when first asked."""
    return _installed().digest(step)


@cache
def whole() -> str:
    """SHA-256 in hex over what all steps depend on: the code of a pipeline run."""
    return hashlib.sha256("".join(f"{step.name}\0{digest(step.name)}\n" for step in STEPS).encode()).hexdigest()


def _reached(tree: ast.AST, typing: bool) -> Iterator[ast.AST]:
    """All nodes but, unless wanted, those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if not typing and isinstance(node, ast.If) and ast.unparse(node.test) in _TYPING:
            for other in node.orelse:
                yield other
                yield from _reached(other, typing)
            continue
        yield node
        yield from _reached(node, typing)


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _data_files(package: Path) -> Iterator[Path]:
    """Files of a package that are no Python, in folders below it that are no packages too."""
    for path in sorted(package.iterdir()):
        if path.name == "__pycache__":
            continue
        if path.is_file() and path.suffix != ".py":
            yield path
        elif path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)
