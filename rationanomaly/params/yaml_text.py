"""YAML as params, settings and policies take it: one document of plain values, read in bounded time and memory.

Sections, lists, texts, numbers, yes or no, null, and aliases as long as they stay small: nothing else. Every key stands
once, numbers are finite and fit 64 bits, and what looks like a date is text.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import yaml

#: Of one document. Ours have some hundred values, 34,000 characters with their comments, and are five sections deep.
MAX_CHARACTERS, MAX_VALUES, MAX_DEPTH = 2**20, 20_000, 50
_CORRECT = "Correct the line"
_MAX_DIGITS, _MAX_INTEGER = 40, 2**63
_PREFIX = "tag:yaml.org,2002:"
_MERGE = f"{_PREFIX}merge"
_TAGS = tuple(_PREFIX + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map"))


class YamlTextError(Exception):
    """What is wrong with a text.

    Args:
        problem: such as "is not YAML".
        line: where, from 1; None: of the whole text.
        hint: what to do about it, one sentence without a full stop.
    """

    def __init__(self, problem: str, line: int | None = None, hint: str = _CORRECT) -> None:
        super().__init__(problem)
        self.problem, self.line, self.hint = problem, line, hint


def load(text: str, hint: str = _CORRECT) -> Any:
    """The value that a text holds; None where it holds none.

    Args:
        text: the document.
        hint: what to do about what is not YAML.

    Raises:
        YamlTextError: it is not YAML, or more than plain values.
    """
    return _read(text, lambda loader: loader.get_single_data(), hint)


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text, for the lines on which they stand.

    Raises:
        YamlTextError: as `load`.
    """
    node: yaml.Node | None = _read(text, lambda loader: loader.get_single_node(), _CORRECT)
    return node


def _read(text: str, read: Any, hint: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise YamlTextError(f"has more than {MAX_CHARACTERS:,} characters", hint="Name another file")
    loader = None
    try:
        loader = _Loader(text)
        return read(loader)
    except yaml.constructor.ConstructorError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise YamlTextError("holds something else than plain values", line, hint) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YamlTextError("is not YAML", None if mark is None else mark.line + 1, hint) from error
    except (ValueError, OverflowError) as error:  # An escape of what is no character, such as "\U00110000".
        raise YamlTextError("is not YAML", None if loader is None else loader.line + 1, hint) from error
    finally:
        if loader is not None:
            loader.dispose()


def _refuse(problem: str, mark: yaml.Mark, hint: str) -> NoReturn:
    raise YamlTextError(problem, mark.line + 1, hint)


class _Loader(yaml.SafeLoader):
    """Reads plain values, and stops as soon as there are too many, too deep or repeated ones."""

    yaml_constructors = {  # noqa: RUF012 - PyYAML's own name
        tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _TAGS
    }
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name
        first: [(tag, pattern) for tag, pattern in resolvers if tag in (*_TAGS, _MERGE)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._values = 0
        #: How many values, and how many levels of them, a node stands for; None: they are being counted.
        self._sizes: dict[int, tuple[int, int] | None] = {}

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            self._size(node)
        return node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth, self._values = self._depth + 1, self._values + 1
        self._check(self._values, self._depth, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set[Any]()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                value = self.construct_object(key)
                if value in seen:
                    _refuse(f"holds `{key.value}` twice in one section", key.start_mark, "Keep one of the two")
                seen.add(value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def _size(self, node: yaml.Node) -> tuple[int, int]:
        """How many values a node stands for, and how deep they lie, each alias counted as what it names."""
        if (known := self._sizes.get(id(node), (0, 0))) is None:
            _refuse("holds an alias within what it names", node.start_mark, "Write the value out")
        if known != (0, 0):
            return known
        self._sizes[id(node)] = None
        values, depth = 1, 1
        for child in _children(node):
            inside, levels = self._size(child)
            values, depth = values + inside, max(depth, levels + 1)
            self._check(values, depth, child.start_mark)
        self._sizes[id(node)] = values, depth
        return values, depth

    def _check(self, values: int, depth: int, mark: yaml.Mark) -> None:
        if values > MAX_VALUES:
            _refuse(f"holds more than {MAX_VALUES:,} values, those behind aliases counted", mark, "Make it smaller")
        if depth > MAX_DEPTH:
            _refuse("is nested too deeply", mark, "Make it flatter")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _construct_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > _MAX_DIGITS:
        _refuse(f"holds a number of {len(text):,} characters", node.start_mark, "Write a smaller one")
    value = _plain(loader.construct_yaml_int, node)
    if not -_MAX_INTEGER <= value < _MAX_INTEGER:
        _refuse("holds a whole number beyond 64 bits", node.start_mark, "Write a smaller one")
    return int(value)


def _construct_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    value = float(_plain(loader.construct_yaml_float, node))
    if not math.isfinite(value):
        _refuse(f"holds a number that is not finite ({value})", node.start_mark, "Write a finite one")
    return value


def _construct_truth(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> bool:
    return bool(_plain(loader.construct_yaml_bool, node))


def _plain(construct: Any, node: yaml.ScalarNode) -> Any:
    try:
        return construct(node)
    except (ValueError, KeyError, IndexError):
        kind = node.tag.removeprefix(_PREFIX)
        _refuse(f"holds a value that is no {kind}", node.start_mark, "Leave its tag out")


_Loader.add_constructor(f"{_PREFIX}int", _construct_integer)
_Loader.add_constructor(f"{_PREFIX}float", _construct_number)
_Loader.add_constructor(f"{_PREFIX}bool", _construct_truth)
