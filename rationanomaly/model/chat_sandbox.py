"""Chat templates are programs of whoever made the model: here they run with little to do harm with, and for a while.

jinja's sandbox keeps a template from attributes that lead out of it, but not from loops without end, nor from texts
that fill the memory. Here steps are counted, texts are bounded, and what a template may call stands on a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

#: Characters of a template and of any text in it; rounds of loops and calls together; entries of a list.
_LONGEST_TEMPLATE, _LONGEST, _STEPS, _LONGEST_LIST = 100_000, 1_000_000, 20_000, 20_000
_FILTERS = frozenset(
    (
        "abs", "bool", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "int",
        "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace",
        "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim",
        "unique", "upper",
    )
)  # fmt: skip
_METHODS = frozenset(
    (
        "append", "capitalize", "count", "endswith", "find", "get", "index", "isalpha", "isdigit", "isspace", "items",
        "join", "keys", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper", "values",
    )
)  # fmt: skip
_JOINED = "_joined_texts"
_COUNTED = "_counted_round"


def render(template: str, messages: Sequence[Mapping[str, str]], special_tokens: Mapping[str, Any]) -> str:
    """The prompt that a chat template makes of messages, up to where the answer begins.

    Args:
        template: in jinja's language.
        messages: with ``role`` and ``content``.
        special_tokens: names in the template, such as ``bos_token``.

    Raises:
        TemplateError: it is none, asks for what it may not have, raises an exception, or is at work for too long.
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError: what its code raises.
    """
    compiled = _compiled(template)
    environment: _Sandbox = compiled.environment
    environment.steps = 0
    text: str = compiled.render(
        messages=list(messages), tools=None, documents=None, add_generation_prompt=True, **dict(special_tokens)
    )
    return text


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    if len(template) > _LONGEST_TEMPLATE:
        raise TemplateError(f"it has more than {_LONGEST_TEMPLATE} characters")
    return _Sandbox().from_string(template)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Bounds what a template does.

    Attributes:
        steps: rounds of loops and calls that were made since it was set to 0.
    """

    intercepted_binops = frozenset(("*", "**", "+", "%"))
    steps = 0

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
        self.filters = {name: value for name, value in self.filters.items() if name in _FILTERS}
        self.filters |= {"tojson": _as_json, "replace": _replaced, _COUNTED: self._counted, "join": _joined}
        self.globals = {
            "range": _short_range,
            "dict": dict,
            "namespace": self.globals["namespace"],
            "raise_exception": _refuse,
            "strftime_now": lambda form: datetime.now().strftime(form),
            _JOINED: lambda *parts: _bounded("".join(map(str, parts))),
        }

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = _Bounds().visit(super()._parse(source, name, filename))
        return tree

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise TemplateError(f"it takes more than {_STEPS} steps")

    def _counted(self, values: Iterable[Any]) -> Iterable[Any]:
        """The same values, each counted when it is taken."""
        found = list(values) if isinstance(values, (list, tuple, dict, str, range)) else _first(values)
        self.steps += len(found)
        self.step()
        return found

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        __self.step()
        method = getattr(__obj, "__name__", "")
        owner = getattr(__obj, "__self__", None)
        if method in ("format", "format_map"):  # The sandbox wraps them, so that they have no owner.
            raise TemplateError("it formats a text by a method")
        if isinstance(owner, (str, bytes, list, tuple, dict)):
            if method not in _METHODS:
                raise TemplateError(f"it calls the method {method}")
            if method == "replace":
                return _replaced(owner, *args, **kwargs)
            if method == "join":
                return _joined(args[0], str(owner))
        return _bounded(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self.step()
        if operator == "*" and not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            length = len(left) * right if isinstance(right, int) else len(right) * left
            if length > _LONGEST_LIST:
                raise TemplateError("it multiplies a text or a list too often")
        if operator in ("**", "*") and _is_large(left, right):
            raise TemplateError("it computes with too large numbers")
        if operator == "%" and isinstance(left, str):
            raise TemplateError("it formats a text by %")
        return _bounded(super().call_binop(context, operator, left, right))

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Of what a template, a macro or a block has written."""
        found, length = [], 0
        for part in parts:
            length += len(part)
            if length > _LONGEST:
                raise TemplateError(f"it writes more than {_LONGEST} characters")
            found.append(part)
        return "".join(found)


class _Bounds(NodeTransformer):
    """Has the rounds of every loop counted, and texts that are put together by ``~`` bounded."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:
            raise TemplateError("it has a loop that calls itself")
        node = self.generic_visit(node)  # type: ignore[assignment]
        node.iter = nodes.Filter(node.iter, _COUNTED, [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        node = self.generic_visit(node)  # type: ignore[assignment]
        name = nodes.Name(_JOINED, "load", lineno=node.lineno)
        return nodes.Call(name, node.nodes, [], None, None, lineno=node.lineno)


class _Generation(Extension):
    """The tags around what the model wrote itself; here they are passed over."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


def _refuse(message: object) -> NoReturn:
    raise TemplateError(str(message)[:200])


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST:
        raise TemplateError(f"it makes a text of more than {_LONGEST} characters")
    if isinstance(value, (list, tuple, dict, range)) and len(value) > _LONGEST_LIST:
        raise TemplateError(f"it makes a list of more than {_LONGEST_LIST} entries")
    return value


def _first(values: Iterable[Any]) -> list[Any]:
    found = []
    for value in values:
        found.append(value)
        if len(found) > _LONGEST_LIST:
            raise TemplateError("it goes through too long a list")
    return found


def _is_large(*values: Any) -> bool:
    return any(isinstance(value, int) and abs(value) > 2**32 for value in values)


def _short_range(*bounds: int) -> range:
    found: range = _bounded(range(*bounds))
    return found


def _as_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False) -> str:
    narrow = min(indent, 8) if indent is not None else None
    found: str = _bounded(json.dumps(value, ensure_ascii=ensure_ascii, indent=narrow, sort_keys=sort_keys))
    return found


def _replaced(text: Any, old: str, new: str, count: int | None = None) -> str:
    whole = str(text)
    if len(whole) + (whole.count(old) if old else len(whole) + 1) * len(new) > _LONGEST:
        raise TemplateError("it replaces by too long a text")
    return whole.replace(old, new, -1 if count is None else count)


def _joined(values: Iterable[Any], separator: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise TemplateError("it joins attributes")
    found = [str(value) for value in _first(values)]
    if sum(map(len, found)) + len(separator) * len(found) > _LONGEST:
        raise TemplateError("it joins too long texts")
    return separator.join(found)
