"""Commands about the alias of a registered model: move it by a policy, move it back, show what happened to it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rationanomaly.cli import console
from rationanomaly.text.untrusted import for_terminal

if TYPE_CHECKING:
    from rationanomaly.register.promotion import Promotion
    from rationanomaly.register.promotion_log import Entry

AddressArgument = Annotated[str, typer.Argument(help="models:/NAME@ALIAS.")]


def promote(
    address: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/VERSION.")],
    to: Annotated[str, typer.Option("--to", help="Alias to move.")] = "champion",
    policy: Annotated[Path, typer.Option("--policy", help="What the version must show.")] = Path(
        "mlflow/promotion.yaml"
    ),
) -> None:
    """Move an alias of the registry to a version that a written policy lets through.

    The version before keeps the alias `previous`. The decision, a refusal too, is recorded in the registry.

    Example:

        rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml
    """
    from rationanomaly.register import promotion
    from rationanomaly.register.policy import read_policy

    _say(promotion.promote(address, to, read_policy(policy)))


def rollback(
    address: AddressArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded.")] = "",
) -> None:
    """Give an alias back to the version that had it before; once more goes one step further back.

    Example:

        rationanomaly rollback models:/rationanomaly@champion --reason "alerts tripled"
    """
    from rationanomaly.register import promotion

    _say(promotion.rollback(address, reason))


def promotions(
    address: AddressArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per entry, with policy and figures.")
    ] = False,
) -> None:
    """Show what happened to an alias: promotions, refusals, rollbacks, moves by other means.

    Example:

        rationanomaly promotions models:/rationanomaly@champion
    """
    from rationanomaly.register import promotion

    entries = promotion.history(address)
    if not entries:
        said = f"nobody has promoted or rolled back {address.removeprefix('models:/')} in this registry"
        console.STDERR.print(console.inert(said), highlight=False)
        return
    if as_json:
        for entry in entries:
            shown = for_terminal(json.dumps(_row(entry)))
            console.STDOUT.print(shown, markup=False, highlight=False, soft_wrap=True)
        return
    table = Table("entry", "what", "version", "before", "policy", "by", "why")
    for entry in entries:
        problems = _read(entry.tags.get("problems", "[]"))
        listed = "; ".join(map(str, problems)) if isinstance(problems, list) else str(problems)
        why = listed or entry.tags.get("reason", "")
        hashed = entry.tags.get("policy.sha256", "")[:8]
        cells = (str(entry.number), entry.kind, entry.version, entry.before, hashed, entry.tags.get("by"), why)
        table.add_row(*(console.inert(cell or "") for cell in cells))
    console.STDOUT.print(table)


def _row(entry: Entry) -> dict[str, object]:
    parsed = {name: _read(entry.tags[name]) for name in ("policy", "gates", "problems") if name in entry.tags}
    done = entry.tags.get("done", "")
    is_time = done.isascii() and done.isdigit() and len(done) < 12
    finished = {"done": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(done)))} if is_time else {}
    return {"entry": entry.number, **entry.tags, **parsed, **finished}


def _read(text: str) -> object:
    """What a tag says in JSON; the text itself where somebody has edited it by hand."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _say(done: Promotion) -> None:
    previous = f", before version {done.previous}" if done.previous else ""
    said = f"is now version {done.version}{previous}" if done.is_moved else f"is version {done.version} already"
    console.STDERR.print(console.inert(f"{done.name}@{done.alias} {said}"), highlight=False)
