"""The full params document with its comments, as `rationanomaly params PROFILE` writes it.

Values are those of `params.load_params`; comments travel with their keys. Behind or above a key, the comment of a
profile takes the place of the one in what it extends; the comment at its head becomes that of the document.
"""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.error import CommentMark, YAMLError
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString
from ruamel.yaml.tokens import CommentToken

from rationanomaly.errors import ParamsError
from rationanomaly.params import DEFAULTS, Params, current_key, dump, lineage, load_params, read_document

logger = logging.getLogger(__name__)

Key = tuple[str, ...]
#: Where comments begin: the first that leaves two blanks behind the value, else right behind these.
_COLUMNS = (32, 42)
_WIDTH = 130
_ROOM = 20


def compose_text(path: Path, settings: Iterable[str] = ()) -> str:
    """The full document of a params file or profile, in DAG order and with comments; composed again, it is the same.

    Args:
        path: as of `params.load_params`.
        settings: ``key=value``, as of `params.load_params`; a changed value keeps the comment of its key.

    Raises:
        ParamsError: as `params.load_params`.
    """
    settings = list(settings)
    params = load_params(path, settings)
    try:
        document = _compose(lineage(path), settings)
        document.settle(params)
        text = _write(document)
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError):
        # It is YAML that PyYAML reads and ruamel doesn't (merge keys, say), or comments at odd places.
        text = ""
    if not _means(text, params):
        logger.warning("%s: composed without comments: they can't be kept beside anchors, aliases and the like", path)
        return dump(params)
    return text


def _compose(files: list[Path], settings: Iterable[str]) -> _Document:
    # A complete file extends nothing; where it has no comments, those of the defaults are its own.
    document = _read(DEFAULTS)
    if files != [DEFAULTS]:
        document.head = []
    for file in files:
        if file != DEFAULTS:
            document.lay_over(_read(file))
    for setting in settings:
        document.change(setting)
    return document


@dataclass
class _Remark:
    """Comment lines of a key, each from its # on: above it, and behind its value with the lines that continue it."""

    above: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


@dataclass
class _Document:
    """Values without comments, and the comments by key."""

    head: list[str]
    values: CommentedMap
    remarks: dict[Key, _Remark]
    tail: list[str]

    def lay_over(self, other: _Document) -> None:
        """Take the values and comments of ``other`` where it has some."""
        self.head = other.head or self.head
        self.tail += other.tail
        self.values = _merge(self.values, other.values)
        for key, remark in other.remarks.items():
            old = self.remarks.get(key, _Remark())
            self.remarks[key] = _Remark(remark.above or old.above, remark.behind or old.behind)

    def change(self, setting: str) -> None:
        """Apply one ``key=value``, which `load_params` has let through."""
        name, _, text = setting.partition("=")
        *parents, last = key = current_key(name.strip().split("."))
        place = self.values
        for parent in parents:
            place = place.setdefault(parent, CommentedMap())
        value = _yaml().load(text)
        at = list(place).index(last) if last in place else len(place)
        place.pop(last, None)  # An assignment would give the new value the old one's quotes.
        place.insert(at, last, _stripped(value, key) if isinstance(value, CommentedMap) else value)

    def settle(self, params: Params) -> None:
        """Write what was made of the given values: a glob in ``data.logs`` is a folder and its files."""
        data = self.values["data"]
        if data.get("files") != params.data.files:
            data["files"] = params.data.files
        if Path(data["logs"]) != params.data.logs:
            data["logs"] = params.data.logs.as_posix()


def _merge(below: CommentedMap, above: CommentedMap) -> CommentedMap:
    merged = CommentedMap()
    flow = [one.fa.flow_style() for one in (below, above) if one]
    if flow and all(flow):
        merged.fa.set_flow_style()
    for key in [*below, *(key for key in above if key not in below)]:
        old, new = below.get(key), above.get(key)
        both = isinstance(old, CommentedMap) and isinstance(new, CommentedMap)
        merged[key] = _merge(old, new) if both else new if key in above else old
    return merged


def _means(text: str, params: Params) -> bool:
    try:
        return read_document(text) == params
    except (ParamsError, yaml.YAMLError):
        return False


# ---------------------------------------------------------------- reading


@dataclass(frozen=True)
class _Comment:
    line: int
    column: int
    text: str
    alone: bool  # nothing before it on its line


@dataclass(frozen=True)
class _Place:
    """Of a key; ``first`` and ``last`` are the lines of the items where its value is a list with a line for each."""

    key: Key
    line: int
    column: int
    first: int
    last: int


def _yaml() -> YAML:
    """Reads and writes values as they are spelt."""
    parser = YAML()
    parser.preserve_quotes = True
    parser.width = 110
    parser.indent(mapping=2, sequence=4, offset=2)
    parser.Emitter = _Emitter
    parser.Representer = _Representer
    return parser


def _read(path: Path) -> _Document:
    text = path.read_text(encoding="utf-8")
    tree = _yaml().load(text)
    comments = sorted(_comments(tree, text.split("\n")), key=lambda comment: comment.line)
    places = list(_places(tree, ()))
    first = places[0].line if places else len(text)
    lead = [comment for comment in comments if comment.line < first]
    # The head ends with the last blank line before the first key, or right before `extends`.
    gaps = [after for before, after in pairwise([comment.line for comment in lead]) if after > before + 1]
    about_the_key = gaps and lead[-1].line == first - 1 and places[0].key != ("extends",)
    behind_head = gaps[-1] if about_the_key else first
    head = _lines([comment for comment in lead if comment.line < behind_head])
    remarks: dict[Key, _Remark] = {current_key(place.key): _Remark() for place in places}
    tail = _assign([comment for comment in comments if comment.line >= behind_head], places, remarks)
    tree.pop("extends", None)
    remarks.pop(("extends",), None)
    return _Document(head, _stripped(tree, ()), remarks, tail)


def _places(tree: CommentedMap, above: Key) -> Iterator[_Place]:
    """Where each key stands, in the order of the file."""
    for name, value in tree.items():
        key = (*above, str(name))
        line, column, *_ = tree.lc.data[name]
        items = [line]
        if isinstance(value, CommentedSeq) and value and not value.fa.flow_style():
            items = [place[0] for place in value.lc.data.values()]
        yield _Place(key, line, column, min(items), max(items))
        if isinstance(value, CommentedMap) and not value.fa.flow_style():
            yield from _places(value, key)


def _comments(node: Any, lines: list[str]) -> set[_Comment]:
    """Every comment line that ruamel keeps in ``node``, wherever it keeps it."""
    found: set[_Comment] = set()
    if not isinstance(node, CommentedMap | CommentedSeq):
        return found
    for token in _tokens([node.ca.comment, list(node.ca.items.values()), node.ca.end]):
        kept = token.value.strip("\n").split("\n")
        # The mark of a token is sometimes that of an empty line before it.
        number = next((at for at in range(token.start_mark.line, len(lines)) if kept[0].strip() in lines[at]), 0)
        for at, text in enumerate(map(str.strip, kept), start=number):
            if text:
                column = lines[at].rindex(text)
                found.add(_Comment(at, column, text, not lines[at][:column].strip()))
    for child in node.values() if isinstance(node, CommentedMap) else node:
        found |= _comments(child, lines)
    return found


def _tokens(kept: Any) -> Iterator[CommentToken]:
    if isinstance(kept, CommentToken):
        yield kept
    elif isinstance(kept, list | tuple):
        for one in kept:
            yield from _tokens(one)


def _assign(comments: list[_Comment], places: list[_Place], remarks: dict[Key, _Remark]) -> list[str]:
    """Give each comment to its key; what stands behind the last key is the tail."""
    tail: list[str] = []
    behind_ends = -1  # the last line so far of a comment behind a key
    for comment in comments:
        at = max((number for number, place in enumerate(places) if place.line <= comment.line), default=-1)
        open_key = places[at] if at >= 0 else _Place((), -1, -1, -1, -1)
        deepest = max(place.column for place in places[max(at, 0) : at + 2])
        if open_key.line < comment.line < open_key.first:
            remarks[current_key(open_key.key)].above.append(comment.text)
        elif open_key.line < comment.line <= open_key.last:
            continue  # Stays with the items of the list.
        elif not comment.alone or (behind_ends == comment.line - 1 and comment.column > deepest):
            remarks[current_key(open_key.key)].behind.append(comment.text)
            behind_ends = comment.line
        elif at + 1 < len(places):
            remarks[current_key(places[at + 1].key)].above.append(comment.text)
        else:
            tail.append(comment.text)
    return tail


def _lines(comments: list[_Comment]) -> list[str]:
    """Their texts, with an empty line where there were some."""
    lines: list[str] = []
    for number, comment in enumerate(comments):
        if number and comment.line > comments[number - 1].line + 1:
            lines.append("")
        lines.append(comment.text)
    return lines


def _stripped(tree: CommentedMap, above: Key) -> CommentedMap:
    """Without comments, with today's names."""
    plain = CommentedMap()
    if tree.fa.flow_style():
        plain.fa.set_flow_style()
    for name, value in tree.items():
        key = current_key((*above, str(name)))
        if isinstance(value, CommentedMap):
            value = _stripped(value, key)
        elif isinstance(value, CommentedSeq):
            _strip_list(value)
        plain[key[-1] if key[-1] != str(name) else name] = value
    return plain


def _strip_list(value: CommentedSeq) -> None:
    """Leave the comments of a list that stand between its first and its last line."""
    value.ca.comment = None
    last = len(value) - 1
    for token in _tokens(list(value.ca.items.get(last, ()))):
        # ruamel keeps all lines up to the next key there; one that begins below the item starts with a line break.
        token.value = "" if token.value.startswith("\n") else token.value.partition("\n")[0] + "\n"
    if last in value.ca.items and not any(token.value for token in _tokens(list(value.ca.items[last]))):
        del value.ca.items[last]


# ---------------------------------------------------------------- writing


class _Behind(CommentToken):
    """A comment behind a value; where it begins is for the emitter to say."""


class _Emitter(Emitter):
    """Aligns and wraps the comments behind values."""

    def write_comment(self, comment: Any, pre: bool = False) -> None:
        if isinstance(comment, _Behind):
            column = next((place for place in _COLUMNS if self.column + 2 <= place), self.column + 2)
            below = column if column in _COLUMNS else _COLUMNS[0]
            first, *more = comment.value.strip().split("\n")
            lines = [*_wrap(first, _WIDTH - column, _WIDTH - below)]
            for line in more:
                lines += _wrap(line, _WIDTH - below, _WIDTH - below)
            comment = CommentToken(("\n" + " " * below).join(lines) + "\n", CommentMark(column))
        super().write_comment(comment, pre)


def _wrap(line: str, first: int, others: int) -> list[str]:
    """One comment line as lines that fit; a first line that has room for a few words only is left long."""
    if len(line) <= first or first < _ROOM:
        return [line]
    head, *_ = textwrap.wrap(line, first, break_long_words=False)
    if head == "#":  # One word that is longer than the line.
        return [line]
    left = line[len(head) :].strip()
    wrapped = textwrap.wrap(f"# {left}", others, subsequent_indent="# ", break_long_words=False)
    return [head, *(part for part in wrapped if part != "#")]


class _Representer(RoundTripRepresenter):
    """Writes null as such, where ruamel writes nothing."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _write(document: _Document) -> str:
    blocks = [document.head] if document.head else []
    for name, value in document.values.items():
        section = CommentedMap({name: value})
        _attach(section, (), document.remarks)
        stream = io.StringIO()
        _yaml().dump(section, stream)
        above = document.remarks.get((str(name),), _Remark()).above
        if above and not blocks:  # Read again, it would be the head of the file.
            blocks.append(above)
            above = []
        # A list that continues in the next line would leave a blank at its end.
        blocks.append([*above, *(line.rstrip() for line in stream.getvalue().rstrip("\n").split("\n"))])
    if document.tail:
        blocks.append(document.tail)
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _attach(tree: CommentedMap, above: Key, remarks: dict[Key, _Remark]) -> None:
    """Give ruamel the comments of every key of ``tree``, which stands at ``above``."""
    for name, value in tree.items():
        key = (*above, str(name))
        remark = remarks.get(key, _Remark())
        over, behind = list(remark.above) if above else [], remark.behind
        if isinstance(value, LiteralScalarString | FoldedScalarString):
            over, behind = [*over, *(line for line in behind if line not in over)], []  # behind a block is no place
        indent = 2 * len(above)
        before = [CommentToken(f"{line}\n", CommentMark(indent)) for line in over]
        beside = _Behind("\n".join(behind) + "\n", CommentMark(0)) if behind else None
        if before or beside:
            tree.ca.items[name] = [None, before or None, beside, None]
        if isinstance(value, CommentedMap) and not value.fa.flow_style():
            _attach(value, key, remarks)
