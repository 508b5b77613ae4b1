"""Templates of a parsed log as named ones, for another site."""

from __future__ import annotations

from pathlib import Path

from rationanomaly import artifacts, records
from rationanomaly.errors import InputError
from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.named_templates import LONGEST, NamedTemplate


def shared_templates(parse: Path, *, named_only: bool) -> list[NamedTemplate]:
    """The templates of an output of parse: those with a name as they are, the others named by their id.

    Those of wildcards only, which would cover any line, and endless ones are left out.

    Raises:
        ArtifactError: no output of parse, or somebody has edited it.
        InputError: there is none to share.
    """
    artifacts.read(parse, "parse", only=[records.TEMPLATES, records.MINER])
    table = records.read_table(parse / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    named = {one.template: one for one in Miner.load(parse / records.MINER).named.templates}
    found = list(named.values())
    if not named_only:
        rows = table.select("template_id", "template").iter_rows()
        found += [
            NamedTemplate(name=identity, template=text)
            for identity, text in rows
            if text not in named and text.replace(WILDCARD, "").strip() and len(text) <= LONGEST
        ]
    if not found:
        hint = "Leave out --named-only, or name some in the file of parse.named_templates"
        raise InputError("holds no templates to share", file=parse, hint=hint)
    return found
