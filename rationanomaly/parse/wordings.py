"""Former wordings: what the texts of templates would be by the masks of an earlier version.

Where a mask changes, the text of a template does and with it its id. Ledgers, precedents and adapters name the old one,
so a template names it among the ids that it supersedes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.masking import Masker


def former_wordings(examples: Mapping[str, Sequence[str]], masker: Masker) -> dict[str, list[str]]:
    """Texts that templates had by the masks of earlier versions; templates whose text is the same are left out.

    Args:
        examples: text of a template → messages of it.
        masker: made the masks that the templates were learnt from.
    """
    rows = [(template, message) for template, messages in examples.items() for message in messages]
    table = pl.DataFrame(rows, schema={"template": pl.String, "message": pl.String}, orient="row")
    now = masker.mask(table["message"])
    found: dict[str, list[str]] = {}
    for version in range(1, masker.version):
        before = Masker(masker.own, masker.max_words, version).mask(table["message"])
        changed = table.select("template", now=now, before=before).filter(pl.col("now") != pl.col("before"))
        for (template,), masks in changed.group_by("template", maintain_order=True):
            texts = [_reworded(str(template), *pair) for pair in masks.select("now", "before").iter_rows()]
            known = found.setdefault(str(template), [])
            known += [text for text in _with_general(texts) if text not in (template, *known)]
    return {template: texts for template, texts in found.items() if texts}


def _reworded(template: str, now: str, before: str) -> str:
    """The template with the words of the former mask where it has those of today's.

    Masks swallow no blanks, so the words stand at the same places. One of the user's may; then the text stays.
    """
    words, today, former = template.split(" "), now.split(" "), before.split(" ")
    if not len(words) == len(today) == len(former):
        return template
    return " ".join(old if word == new else word for word, new, old in zip(words, today, former, strict=True))


def _with_general(texts: Sequence[str]) -> list[str]:
    """The texts of the examples, and what mining made of them: a wildcard for the words in which they differ."""
    columns = zip(*(text.split(" ") for text in texts), strict=True)
    general = " ".join(words[0] if len(set(words)) == 1 else WILDCARD for words in columns)
    return list(dict.fromkeys([*texts, general]))
