"""Fields of JSON objects, one object a line, read in bulk.

A line of broken JSON gives nulls. Whether it is broken depends on the line alone, not on those beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from polars._typing import PolarsDataType

#: Names from the outermost object to a value.
_Path = tuple[str, ...]

_NOTHING = "{}"
#: Around an object: the commas of an array with an element a line. The mark of JSON text sequences is a control.
_AROUND = " ,\ufeff"
_CONTROLS = r"[\x00-\x1f]"
_SURROGATE = r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR = r"\\(u[dD][89abAB][0-9a-fA-F]{2})\\(u[dD][c-fC-F][0-9a-fA-F]{2})"
_MULTI_LINE = "[\x00-\x1f\u0085\u2028\u2029]"
_COLOURS = r"\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*\x07"
_BREAKS, _UNPRINTABLE = "[\t\n\v\f\r\u0085\u2028\u2029]", r"[\x00-\x08\x0e-\x1f\x7f]"


def read_names(raw: pl.Series, names: Iterable[str]) -> pl.DataFrame:
    """Fields as text, a column a name and a row a line: strings bare, other values about as they are written.

    Args:
        raw: the lines.
        names: ``a.b`` is ``b`` inside ``a`` or a name with a dot in it, whichever the object has. What begins with
            ``$`` is a JSON path.
    """
    texts = _objects(raw)
    ways = {name: [] if name.startswith("$") else _ways(name) for name in names}
    present = _present(texts, {part for paths in ways.values() for path in paths for part in path})
    values = _read_paths(texts, [path for paths in ways.values() for path in paths if present.issuperset(path)])
    columns = []
    for name, paths in ways.items():
        found = [values[path] for path in paths if path in values] or [_nulls(texts.len())]
        column = texts.str.json_path_match(name) if name.startswith("$") else pl.select(pl.coalesce(found)).to_series()
        columns.append(column.alias(name))
    return pl.DataFrame(columns)


def read_schema(raw: pl.Series, schema: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """Fields of the given types, a row a line; null where a value is missing or is of another type."""
    texts = _objects(raw)
    try:
        # Many times faster for objects in lists, and refuses the whole for one odd value.
        return texts.str.json_decode(pl.Struct(dict(schema))).struct.unnest()
    except pl.exceptions.PolarsError:
        return _read(texts, schema)


def one_line(texts: pl.Series, keep_tabs: bool = False) -> pl.Series:
    """Texts without line breaks: these and tabs become a blank each; terminal colours and other controls go.

    Args:
        texts: the texts; what ends them of line breaks goes.
        keep_tabs: leave tabs, which part the fields of some layouts.
    """
    places = texts.str.contains(_MULTI_LINE).fill_null(False).arg_true()
    if not places.len():
        return texts
    breaks = _BREAKS.replace("\t", "") if keep_tabs else _BREAKS
    some = texts.gather(places).str.strip_chars_end("\r\n").str.replace_all(_COLOURS, "")
    some = some.str.replace_all(breaks, " ").str.replace_all(_UNPRINTABLE, "")
    return texts.clone().scatter(places, some)


def _objects(raw: pl.Series) -> pl.Series:
    """The lines that look like objects, ready to be read; the others as empty objects."""
    # Raw controls are not allowed in JSON: between the parts of an object and inside of strings a blank is as good.
    texts = raw.str.replace_all(_CONTROLS, " ") if raw.str.contains(_CONTROLS).any() else raw
    texts = texts.str.strip_chars(_AROUND)
    fits = texts.str.starts_with("{") & texts.str.ends_with("}")
    if not fits.all():
        texts = texts.zip_with(fits.fill_null(False), pl.Series([_NOTHING]).new_from_index(0, texts.len()))
    if texts.str.contains(_SURROGATE).any():
        # Half a pair is no character; U+FFFD stands for it, as for other bytes that are none.
        texts = texts.str.replace_all(_PAIR, "\x01$1\x01$2").str.replace_all(_SURROGATE, "\ufffd")
        texts = texts.str.replace_all("\x01", "\\", literal=True)
    return texts


def _ways(name: str) -> list[_Path]:
    """``a.b.c`` as paths: the name as it stands first, then the longest names of the outer objects."""
    inner = [
        (name[:place], *remainder)
        for place in range(len(name) - 1, 0, -1)
        if name[place] == "."
        for remainder in _ways(name[place + 1 :])
    ]
    return [(name,), *inner]


def _present(texts: pl.Series, parts: Iterable[str]) -> set[str]:
    """Which names occur in the texts at all: each name that is read costs time on each line."""
    quoted = pl.Series([json.dumps(part, ensure_ascii=False) for part in sorted(parts)], dtype=pl.String)
    if not quoted.len():
        return set()
    found = texts.str.extract_many(quoted.implode()).explode(empty_as_null=False).unique().drop_nulls()
    return {json.loads(part) for part in found}


def _read_paths(texts: pl.Series, paths: Sequence[_Path]) -> dict[_Path, pl.Series]:
    """Values by path."""
    outer = _read(texts, dict.fromkeys((path[0] for path in paths), pl.String()))
    values: dict[_Path, pl.Series] = {path: outer[path[0]] for path in paths if len(path) == 1}
    deeper = [path for path in paths if len(path) > 1]
    if not deeper:
        return values
    nested = outer.select(sorted({path[0] for path in deeper}))
    places = nested.select(pl.any_horizontal(pl.all().str.starts_with("{")).fill_null(False)).to_series().arg_true()
    if places.len():
        some = _inner(texts.gather(places), nested[places])
        for tree in _trees(deeper):
            frame = _read(some, {name: _kind(inner) for name, inner in tree.items()})
            for path in (path for path in deeper if path not in values and _holds(tree, path)):
                column = frame[path[0]]
                for part in path[1:]:
                    column = column.struct.field(part)
                values[path] = _nulls(texts.len()).scatter(places, column)
    return values


def _inner(texts: pl.Series, objects: pl.DataFrame) -> pl.Series:
    """Texts with the given columns alone, which are read faster than the whole.

    polars does not escape what it shows of an object; where that makes a difference, the whole text remains.
    """
    members = [
        pl.lit(f"{json.dumps(name, ensure_ascii=False)}:")
        + pl.when(pl.col(name).str.starts_with("{")).then(name).otherwise(pl.lit("null"))
        for name in objects.columns
    ]
    short = objects.select(pl.lit("{") + pl.concat_str(members, separator=",") + pl.lit("}")).to_series()
    return short.zip_with(~short.str.contains(r"[\\\x00-\x1f]"), texts)


#: Name → what is read inside of it; nothing for a value.
_Tree = dict[str, Any]


def _trees(paths: Sequence[_Path]) -> list[_Tree]:
    """Paths that can be read at once: a value in one tree is no object in it."""
    trees: list[_Tree] = []
    for path in paths:
        if not any(_add(tree, path) for tree in trees):
            trees.append({})
            _add(trees[-1], path)
    return trees


def _add(tree: _Tree, path: _Path) -> bool:
    """Add a path to a tree, if nothing stands in its way."""
    node = tree
    for place, part in enumerate(path):
        last = place == len(path) - 1
        if part in node and (last or not node[part]):
            return last and not node[part]
        node = node.setdefault(part, {})
    return True


def _holds(tree: _Tree, path: _Path) -> bool:
    node = tree
    for part in path:
        if part not in node:
            return False
        node = node[part]
    return not node


def _kind(tree: _Tree) -> pl.DataType:
    return pl.Struct({name: _kind(inner) for name, inner in tree.items()}) if tree else pl.String()


def _read(texts: pl.Series, schema: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    if not schema or not texts.len():
        return pl.DataFrame(schema=dict(schema))
    found = _read_whole(texts, schema)
    # One broken line is an error of them all.
    return _read_parts(_repaired(texts), schema) if found is None else found


def _read_whole(texts: pl.Series, schema: Mapping[str, PolarsDataType]) -> pl.DataFrame | None:
    data = texts.str.join("\n").item().encode()
    try:
        # Errors that are passed over are those of types: such a value is null.
        found = pl.read_ndjson(data, schema=dict(schema), ignore_errors=True)
    except pl.exceptions.PolarsError:
        return None
    return found if found.height == texts.len() else None


def _read_parts(texts: pl.Series, schema: Mapping[str, PolarsDataType]) -> pl.DataFrame:
    """The same where a few lines can still not be read: halves, until these stand alone."""
    found = _read_whole(texts, schema)
    if found is not None:
        return found
    if texts.len() == 1:
        return pl.DataFrame({name: [None] for name in schema}, schema=dict(schema))
    middle = texts.len() // 2
    return pl.concat([_read_parts(texts[:middle], schema), _read_parts(texts[middle:], schema)])


def _repaired(texts: pl.Series) -> pl.Series:
    """The texts with an empty object in the place of a broken one; NaN and Infinity, which Python writes, are null."""
    broken = texts.str.json_path_match("$").is_null().arg_true()
    return texts.clone().scatter(broken, [_repair(text) for text in texts.gather(broken)])


def _repair(text: str) -> str:
    try:
        found = json.loads(text, parse_constant=lambda _: None)
        return json.dumps(found, allow_nan=False) if isinstance(found, dict) else _NOTHING
    except (ValueError, RecursionError):
        return _NOTHING


def _nulls(count: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, count)
