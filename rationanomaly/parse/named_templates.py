"""Templates that users have named: they are matched before anything is mined, keep their id and are never generalised.

A file of them is JSON, so that two sites can share it (`rationanomaly templates export` and `import`):

    {"version": 1, "templates": [
        {"name": "disk failed", "template": "disk <*> failed on <*>"},
        {"name": "login", "template": "login of <*>", "pattern": "^login of (\\\\S+)(?: via proxy)?$"}
    ]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rationanomaly import artifacts, regular_files
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.parse.drain import WILDCARD
from rationanomaly.rulebook.states import state_in

#: Stands before the number of a named template in the place of a message's mask; no line holds a NUL.
_MARK = "\0#"
_FORMAT = '{"version": 1, "templates": [{"name": …, "template": …}]}'

#: Characters of a named template.
LONGEST = 10_000
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class NamedTemplate(BaseModel):
    """A template with the name that a user gave it.

    Attributes:
        name: is unique among them.
        template: its text, single spaces between the words, ``<*>`` where a parameter stands; its id is made of it.
        pattern: regex without backreferences that a message of it matches; its groups are the parameters, as many as
            the words with a wildcard. None: the words of ``template``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    template: Text
    pattern: Text | None = None

    @property
    def regex(self) -> str:
        """What its messages match, from end to end if it comes from the text."""
        if self.pattern is not None:
            return self.pattern
        parts = (pl.escape_regex(part) for part in self.template.split(WILDCARD))
        return "^" + r"\S+".join(parts) + "$"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1]
    templates: list[NamedTemplate]


class NamedTemplates:
    """Finds the named template of each message: patterns before texts, the most specific first.

    A wildcard of a text stands for a parameter, not for a state: ``backup <*>`` is no template of ``backup failed``.

    Raises:
        ParamsError: two of one name or text, or a pattern that can't work.
    """

    def __init__(self, templates: Sequence[NamedTemplate] = ()) -> None:
        self.templates = tuple(sorted(templates, key=_order))
        _check(self.templates)
        self._any = "|".join(f"(?:{one.regex})" for one in self.templates)

    def names(self) -> dict[str, str]:
        """Text of each template → its name."""
        return {one.template: one.name for one in self.templates}

    def mark(self, messages: pl.Series, masks: pl.Series) -> pl.Series:
        """The masks of messages; a mark takes the place of those whose messages have a named template."""
        if not self.templates:
            return masks
        places = messages.str.contains(self._any).arg_true()
        if not places.len():
            return masks
        some, found = messages.gather(places), pl.repeat(None, places.len(), dtype=pl.Int64, eager=True)
        for number, one in enumerate(self.templates):
            hit = some.str.contains(one.regex) & found.is_null()
            if one.pattern is None and hit.any():
                of_hit = masks.gather(places).cast(pl.String)
                hit &= of_hit.is_in(_without_states(one.template, of_hit.filter(hit).unique()).implode())
            found = found.set(hit, number)
        marks = (_MARK + found.cast(pl.String)).fill_null(masks.gather(places))
        # `scatter` works in place.
        return masks.clone().scatter(places, marks)

    def of_mark(self, mask: str) -> NamedTemplate | None:
        """The template that a mark stands for; None for a mask."""
        return self.templates[int(mask.removeprefix(_MARK))] if mask.startswith(_MARK) else None

    def parameters(self, records: pl.DataFrame) -> pl.Series:
        """``parameters`` of records (``message``, ``mask``, ``parameters``), those of patterns from their groups."""
        marks = records["mask"].cast(pl.String)
        for number, one in enumerate(self.templates):
            hit = marks == f"{_MARK}{number}"
            if one.pattern is None or not hit.any():
                continue
            groups = range(1, 1 + _groups(one.regex))
            found = [pl.col("message").str.extract(one.regex, group) for group in groups]
            values = pl.concat_list(found) if found else pl.lit([], pl.List(pl.String))
            records = records.with_columns(parameters=pl.when(hit).then(values).otherwise("parameters"))
        return records["parameters"]

    def state(self) -> list[dict[str, Any]]:
        """As plain JSON values."""
        return [one.model_dump(exclude_none=True) for one in self.templates]


def read_named(path: Path) -> list[NamedTemplate]:
    """The templates of a file.

    Raises:
        InputError: no such file, a folder, no JSON, or not of this form; names the entry.
    """
    try:
        return _File.model_validate(json.loads(regular_files.read_given(path))).templates
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"`{place}`: {first['msg']}", file=path, hint=f"Write it as {_FORMAT}") from error
    except (ValueError, RecursionError) as error:
        raise InputError("is not JSON", file=path, hint=f"Write it as {_FORMAT}") from error


def write_named(path: Path, templates: Iterable[NamedTemplate]) -> None:
    """Write a file of templates whole or not at all, sorted by name so that two versions compare well."""
    rows = [one.model_dump(exclude_none=True) for one in sorted(templates, key=lambda one: one.name)]
    artifacts.write_json(path, {"version": 1, "templates": rows})


def merge_named(own: Sequence[NamedTemplate], others: Sequence[NamedTemplate]) -> list[NamedTemplate]:
    """The own templates, then those of others that are not there yet.

    Raises:
        InputError: one name stands for two templates, or two names for one.
    """
    by_name = {one.name: one for one in own}
    by_text = {one.template: one for one in own}
    added = []
    for one in others:
        known = by_name.get(one.name, by_text.get(one.template))
        if known is not None and known != one:
            problem = f"`{one.name}` is `{one.template}` there, but `{known.name}` is `{known.template}` here"
            raise InputError(problem[:500], hint="Rename one of them, or remove it from one of the files")
        if known is None:
            by_name[one.name], by_text[one.template] = one, one
            added.append(one)
    return [*own, *added]


def _order(one: NamedTemplate) -> tuple[bool, int]:
    return one.pattern is None, -len(one.template.replace(WILDCARD, ""))


def _without_states(template: str, masks: pl.Series) -> pl.Series:
    """Those of some masks that have no state at a wildcard of a template."""
    places = [place for place, word in enumerate(template.split(" ")) if WILDCARD in word]
    plain = [
        not any(state_in(words[place]) for place in places if place < len(words))
        for words in (mask.split(" ") for mask in masks)
    ]
    return masks.filter(pl.Series(plain, dtype=pl.Boolean))


def _check(templates: Sequence[NamedTemplate]) -> None:
    seen: Mapping[str, set[str]] = {"name": set(), "template": set()}
    for one in templates:
        for kind, values in seen.items():
            value = getattr(one, kind)
            if value in values:
                raise ParamsError(f"two named templates have the {kind} `{value}`"[:300], hint="Remove one of them")
            values.add(value)
        _check_regex(one)


def _check_regex(one: NamedTemplate) -> None:
    hint = "Correct its pattern or its template"
    if one.template != " ".join(one.template.split()):
        raise ParamsError(f"the named template `{one.name}` has other blanks than single spaces", hint=hint)
    try:
        probe = pl.Series([""]).str
        groups = _groups(one.regex)
        matches_nothing = bool(probe.contains(one.regex).item())
    except pl.exceptions.PolarsError as error:
        problem = f"the pattern of the named template `{one.name}` is no regex without look-around and backreferences"
        raise ParamsError(problem, hint=hint) from error
    if matches_nothing:
        raise ParamsError(f"the pattern of the named template `{one.name}` matches nothing at all", hint=hint)
    wildcards = sum(WILDCARD in word for word in one.template.split(" "))
    if one.pattern is not None and groups != wildcards:
        problem = f"the pattern of the named template `{one.name}` has {groups} groups, its text {wildcards} wildcards"
        raise ParamsError(problem, hint=hint)


def _groups(regex: str) -> int:
    """How many groups a regex has."""
    return len(pl.Series([""]).str.extract_groups(regex).struct.fields)
