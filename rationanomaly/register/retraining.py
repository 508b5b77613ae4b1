"""The promotion at the end of a retraining: what was registered gets the alias if the policy lets it, and else stays.

A refusal is an outcome and no failure: the model in service was better, or the new one could not show enough.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.errors import GateError
from rationanomaly.records import REGISTERED
from rationanomaly.register.policy import Policy, read_policy
from rationanomaly.register.promotion import promote


@dataclass(frozen=True)
class Outcome:
    """What became of a registered version.

    Attributes:
        address: ``models:/NAME/VERSION``.
        alias: that it was to get.
        promoted: whether it has the alias.
        moved: whether it got it now.
        previous: version that had it before; None: nobody.
        problem: what was in the way.
    """

    address: str
    alias: str
    promoted: bool
    moved: bool
    previous: str | None
    problem: str | None

    @property
    def sentence(self) -> str:
        """One line for people."""
        if self.problem is not None:
            return f"{self.address} is not promoted to @{self.alias}, which stays as it is: {self.problem}"
        if not self.moved:
            return f"{self.address} is @{self.alias} already"
        return f"{self.address} is @{self.alias} now{f', before version {self.previous}' if self.previous else ''}"


def policy_of(text: str) -> Policy:
    """A policy out of the text of its file.

    Raises:
        ParamsError: as `policy.read_policy`.
    """
    with tempfile.TemporaryDirectory(prefix="rationanomaly-") as folder:
        path = Path(folder) / "promotion.yaml"
        path.write_text(text, encoding="utf-8")
        return read_policy(path)


def promote_registered(folder: Path, alias: str, policy: Policy) -> Outcome:
    """Promote what `register` left in its output folder, if the policy lets it.

    Args:
        folder: output of `register`.
        alias: for example ``champion``.
        policy: what the version must show.

    Raises:
        ArtifactError: the folder is no finished output of `register`, or somebody has edited it.
        ParamsError, InputError, InfrastructureError: as `promotion.promote`; a refusal by the policy is no error here.
    """
    artifacts.read(folder, "register")
    document = json.loads((folder / REGISTERED).read_bytes())
    address = f"models:/{document['name']}/{document['version']}"
    try:
        done = promote(address, alias, policy)
    except GateError as error:
        return Outcome(address, alias, promoted=False, moved=False, previous=None, problem=error.problem)
    return Outcome(address, alias, promoted=True, moved=done.is_moved, previous=done.previous, problem=None)
