"""Template mining: mask messages, cluster the distinct ones with Drain, keep the state as readable JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import polars as pl

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.params import ParseParams
from rationanomaly.parse import message_templates
from rationanomaly.parse.drain import WILDCARD, Drain
from rationanomaly.parse.masking import Masker, single_spaced
from rationanomaly.parse.named_templates import NamedTemplate, NamedTemplates, read_named
from rationanomaly.records import MINER, template_id

#: A state of version 1 was learnt by version 1 of the masks, and continues to mask by it.
STATE_VERSION = 2
#: Distinct masks that are remembered to save time; what lies beyond is worked out anew and comes out the same.
_REMEMBERED = 200_000
_NAMED = pl.Schema({"template": pl.String(), "template_id": pl.String(), "wildcards": pl.List(pl.UInt32)})


class Miner:
    """Learns templates and tells which one a message belongs to.

    The template of a message is a pure function of its mask and the learnt state, and learning a mask again changes
    nothing. So templates depend on the distinct masks in the order of their first line alone, not on batches.

    Attributes:
        masker: makes the masks of messages.
    """

    def __init__(self, masker: Masker, drain: Drain, named: NamedTemplates | None = None) -> None:
        self.masker, self._drain = masker, drain
        #: Templates that users have named; they are never learnt.
        self.named = named or NamedTemplates()
        self._learnt: set[str] = set()
        #: Texts of templates that programs name themselves, by first appearance; as many as may be mined.
        self._own: dict[str, None] = {}
        #: Mask → row of its template's text in `_named`.
        self._places: dict[str, int] = {}
        self._rows: dict[str | None, int] = {}
        self._table = _NAMED.to_frame()

    @classmethod
    def new(cls, settings: ParseParams) -> Miner:
        """A miner that has learnt nothing; it masks as the one that it continues from, if there is one.

        Raises:
            ArtifactError: ``continue_from`` names no miner state.
        """
        drain = Drain(
            settings.depth, settings.similarity, settings.max_children, settings.max_choices, settings.max_templates
        )
        if settings.continue_from is not None:
            earlier = cls.load(settings.continue_from).with_named(settings)
            return cls(earlier.masker, drain, earlier.named)
        return cls(Masker(settings.masks, settings.max_words), drain, _read_named(settings))

    @classmethod
    def load(cls, path: Path) -> Miner:
        """The miner that `save` wrote; its masks and settings are those that it was made with.

        Raises:
            ArtifactError: no such file, no miner state, or one that was edited in the output folder where it lies.
        """
        if path.name == MINER and (path.parent / artifacts.MANIFEST).is_file():
            artifacts.read(path.parent, only=[MINER])
        try:
            state = json.loads(path.read_bytes())
            if state["version"] not in (1, STATE_VERSION):
                raise ValueError
            masker = Masker(state["masks"], state["max_words"], state["mask_version"] if state["version"] > 1 else 1)
            named = NamedTemplates([NamedTemplate(**one) for one in state.get("named", [])])
            miner = cls(masker, Drain.from_state(state["drain"]), named)
            miner._own = dict.fromkeys(state.get("own", ()))
            return miner
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            again = "Run `rationanomaly parse` again"
            raise ArtifactError("is not the state of a miner", file=path, hint=again) from error

    def save(self, path: Path) -> None:
        """Write the state as JSON."""
        state: dict[str, Any] = {
            "version": STATE_VERSION,
            "mask_version": self.masker.version,
            "masks": self.masker.own,
            "max_words": self.masker.max_words,
            "drain": self._drain.state(),
            "named": self.named.state(),
            "own": list(self._own),
        }
        artifacts.write_json(path, state)

    def mask(self, messages: pl.Expr) -> pl.Expr:
        """The masks of messages: what the other methods take."""
        return messages.map_batches(self.masker.mask, return_dtype=pl.String)

    def learn(self, masks: Iterable[str]) -> list[str]:
        """Learn masks in their order.

        Returns:
            Those that changed what is learnt: who has learnt these in their order has learnt all.
        """
        changing = []
        for mask in masks:
            if mask not in self._learnt and self.named.of_mark(mask) is None:
                if not self._knows(mask):
                    self._learn(mask)
                    self._places.clear()
                    changing.append(mask)
                if len(self._learnt) < _REMEMBERED:
                    self._learnt.add(mask)
        return changing

    def _knows(self, mask: str) -> bool:
        """Whether learning a mask would change nothing."""
        own = message_templates.text_of(mask)
        if own is None or (own not in self._own and len(self._own) >= self._drain.max_clusters):
            return self._drain.knows(mask if own is None else own)
        return own in self._own

    def templates(self) -> list[str]:
        """The texts of all templates that are learnt or named by now."""
        named = [one.template for one in self.named.templates]
        return list(dict.fromkeys((*named, *self._own, *self._drain.texts())))

    def _learn(self, mask: str) -> None:
        own = message_templates.text_of(mask)
        if own is None:
            self._drain.learn(mask)
        elif own not in self._own:
            if len(self._own) < self._drain.max_clusters:
                self._own[own] = None
            else:
                self._drain.learn(own)

    def masked(self, records: pl.DataFrame) -> pl.DataFrame:
        """Single-space the ``message`` of records and add ``mask``, an Enum of its values by first appearance."""
        messages = single_spaced(records["message"])
        records = records.with_columns(message=messages)
        masks = message_templates.mark(records, self.named.mark(messages, self.masker.mask_spaced(messages)))
        records = records.drop("message_template", strict=False)
        return records.with_columns(mask=masks.cast(pl.Enum(masks.unique(maintain_order=True))))

    def take(self, records: pl.DataFrame) -> pl.DataFrame:
        """Mask records and learn their masks."""
        masked = self.masked(records)
        self.learn(cast(pl.Enum, masked.schema["mask"]).categories)
        return masked

    def with_named(self, settings: ParseParams) -> Miner:
        """The same miner with the named templates of the params in the place of its own, if they name any."""
        if settings.named_templates is not None:
            self.named = _read_named(settings)
            self._places.clear()
        return self

    def texts(self, masks: pl.Series) -> pl.Series:
        """The text of each mask's template by what is learnt by now; null for a mask that no template covers."""
        places = pl.Series([self._place(mask) for mask in masks], dtype=pl.UInt32)
        return self._named()["template"].gather(places)

    def name(self, records: pl.DataFrame) -> pl.DataFrame:
        """Put ``template``, ``template_id`` and ``parameters`` in the place of the ``mask`` of `masked` or `take`.

        The parameters are the words of the message at which the template has a wildcard.
        """
        masks = records["mask"]
        distinct = cast(pl.Enum, masks.dtype).categories
        place = pl.Series([self._place(mask) for mask in distinct], dtype=pl.UInt32).gather(masks.to_physical())
        named = self._named()
        words = self.masker.cut(records["message"]).str.split(" ")
        records = records.with_columns(
            template=named["template"].gather(place),
            template_id=named["template_id"].gather(place),
            # A mask of the user's may swallow a space; then the words do not align and the last ones are missing.
            parameters=words.list.gather(named["wildcards"].gather(place), null_on_oob=True),
        )
        records = records.with_columns(message_templates.parameters(records))
        return records.with_columns(self.named.parameters(records)).drop("mask")

    def superseded(self) -> dict[str, list[str]]:
        """Id of a template → ids that it had before it was generalised, oldest first."""
        return {
            template_id(text): [template_id(old) for old in olds] for text, olds in self._drain.superseded().items()
        }

    def _place(self, mask: str) -> int:
        """The row of a mask's template in `_named`."""
        place = self._places.get(mask)
        if place is None:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            named = self.named.of_mark(mask)
            text = self._text(mask) if named is None else named.template
            place = self._rows.setdefault(text, len(self._rows))
            self._places[mask] = place
        return place

    def _text(self, mask: str) -> str | None:
        """The text of the template of a mask, or of a mark of the program's own; None if none covers it."""
        own = message_templates.text_of(mask)
        return own if own in self._own else self._drain.name(mask if own is None else own)

    def _named(self) -> pl.DataFrame:
        """Every text that was given to a mask: ``template``, ``template_id``, ``wildcards`` (places of words)."""
        if self._table.height < len(self._rows):
            texts = list(self._rows)
            self._table = pl.DataFrame(
                {
                    "template": texts,
                    "template_id": [None if text is None else template_id(text) for text in texts],
                    "wildcards": [_wildcards(text or "") for text in texts],
                },
                schema=_NAMED,
            )
        return self._table


def _wildcards(template: str) -> list[int]:
    """The places, from 0, of the words that hold a wildcard."""
    return [place for place, word in enumerate(template.split(" ")) if WILDCARD in word]


def _read_named(settings: ParseParams) -> NamedTemplates:
    """The named templates of the params."""
    return NamedTemplates([] if settings.named_templates is None else read_named(settings.named_templates))
