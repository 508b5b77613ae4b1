"""What is known of each template: counts, labels, first and last line, examples."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.masking import Masker
from rationanomaly.parse.parameters import parameter_types
from rationanomaly.parse.wordings import former_wordings
from rationanomaly.records import template_id

EXAMPLES = 3

_FIRST = (
    pl.col("template").first(),
    pl.len().cast(pl.Int64).alias("lines"),
    pl.col("alert").cast(pl.Int64).sum().alias("alert_lines"),
    pl.col("alert").is_not_null().any().alias("tagged"),
    pl.col("line").min().alias("first_line"),
    pl.col("line").max().alias("last_line"),
    pl.col("time").min().alias("first_seen"),
    pl.col("time").max().alias("last_seen"),
)
_AGAIN = (
    pl.col("template").first(),
    pl.col("lines", "alert_lines").sum(),
    pl.col("tagged").any(),
    pl.col("first_line").min(),
    pl.col("last_line").max(),
    pl.col("first_seen").min(),
    pl.col("last_seen").max(),
)


class TemplateSummary:
    """Adds up batches of lines by template; holds one row per template."""

    def __init__(self) -> None:
        self._rows = pl.DataFrame()
        #: Id of a template → its examples: a message and its parameters.
        self._examples: dict[str, dict[str, list[str]]] = {}
        #: Templates of which no further example is wanted.
        self._complete = pl.Series([], dtype=pl.String)

    def add(self, lines: pl.DataFrame) -> None:
        """Take in lines: what `Miner.name` gives."""
        rows = lines.group_by("template_id", maintain_order=True).agg(_FIRST)
        if self._rows.height:
            rows = pl.concat([self._rows, rows]).group_by("template_id", maintain_order=True).agg(_AGAIN)
        self._rows = rows
        self._add_examples(lines)

    def table(
        self,
        superseded: Mapping[str, list[str]],
        dataset: str,
        abnormal_share: float,
        names: Mapping[str, str] | None = None,
        masker: Masker | None = None,
    ) -> pl.DataFrame:
        """The rows of `records.TEMPLATES_SCHEMA`, in the order of their first line.

        Args:
            superseded: id of a template → ids that it had before.
            dataset: name of the data set.
            abnormal_share: a template is abnormal from this share of alert lines on.
            names: text of a template → the name that a user gave it.
            masker: made the masks; None: there are no masks of the user's, and the built-in ones never changed.
        """
        examples = [self._examples[identity] for identity in self._rows["template_id"]]
        parameters = [[*known.values()] for known in examples]
        types = parameter_types(self._rows["template"].to_list(), parameters, masker.own if masker else {})
        share = pl.col("alert_lines") / pl.col("lines")
        tagged = pl.col("tagged")
        label = pl.when(share >= abnormal_share).then(pl.lit("abnormal")).otherwise(pl.lit("normal"))
        texts = pl.List(pl.String)
        name = pl.col("template").replace_strict(dict(names or {}), default=None, return_dtype=pl.String)
        return self._rows.with_columns(
            name.alias("name"),
            pl.lit(dataset).alias("dataset"),
            pl.when(tagged).then(label).alias("label"),
            pl.when(tagged).then("alert_lines").alias("alert_lines"),
            (tagged & (pl.col("alert_lines") > 0) & (pl.col("alert_lines") < pl.col("lines"))).alias("mixed"),
            pl.Series("examples", [list(known) for known in examples], texts),
            pl.Series("parameters", parameters, pl.List(texts)),
            pl.Series("parameter_types", types, texts),
            pl.Series("supersedes", self._supersedes(superseded, masker), texts),
        ).sort("first_line")

    def _supersedes(self, superseded: Mapping[str, list[str]], masker: Masker | None) -> list[list[str]]:
        """The former ids of each template, oldest first: by earlier masks, then those before it was generalised."""
        rows = list(self._rows.select("template_id", "template").iter_rows())
        examples = {template: list(self._examples[identity]) for identity, template in rows}
        former = former_wordings(examples, masker) if masker else {}
        found = [[*map(template_id, former.get(text, [])), *superseded.get(identity, [])] for identity, text in rows]
        return [list(dict.fromkeys(olds)) for olds in found]

    def _add_examples(self, lines: pl.DataFrame) -> None:
        """Keep the first distinct messages of each template."""
        wanted = lines.filter(~pl.col("template_id").is_in(self._complete.implode()))
        wanted = wanted.unique(["template_id", "message"], keep="first", maintain_order=True)
        few = wanted.group_by("template_id", maintain_order=True).agg(
            pl.col("template").first(), pl.col("message", "parameters").head(EXAMPLES)
        )
        for identity, template, messages, parameters in few.iter_rows():
            known = self._examples.setdefault(identity, {})
            for message, values in zip(messages, parameters, strict=True):
                if len(known) < EXAMPLES:
                    known.setdefault(message, values)
            # Without a wildcard all messages are the same.
            if len(known) == EXAMPLES or WILDCARD not in template:
                self._complete = self._complete.append(pl.Series([identity]))
