"""Move an alias of the registry to a version that a written policy lets through, and back.

rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml
rationanomaly rollback models:/rationanomaly@champion --reason "alerts tripled"

Check and set are one act, however many promote at once: `promotion_log` says how, and what happens after kill -9. Of
several at once the best one is promoted (`rivals`). Each decision, refusals too, is an entry of that log with the
policy, its hash and every figure that was compared.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rationanomaly import __version__
from rationanomaly.errors import GateError, InfrastructureError, InputError, ParamsError, one_line
from rationanomaly.params.registry_names import fault_of_alias, fault_of_model_name, fault_of_promoted
from rationanomaly.register import alias_webhook, gates, provenance, rivals
from rationanomaly.register.gates import Gate
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion_log import Chain, Entry, PromotionLog
from rationanomaly.register.pruning import prune
from rationanomaly.register.tags import STRESS
from rationanomaly.runs import model_registry, registry_errors, tracking

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

logger = logging.getLogger(__name__)

#: How often a promotion is checked anew when others moved the alias meanwhile.
_TRIES = 5
_LONGEST_REASON = 1000
#: Of what is in the way so much is said; the log has all.
_SAID = 12


@dataclass(frozen=True)
class Promotion:
    """What was done: ``alias`` of model ``name`` moved from ``previous`` (None: nobody held it) to ``version``.

    Attributes:
        is_moved: False if the version held the alias already.
    """

    name: str
    alias: str
    version: str
    previous: str | None
    is_moved: bool = True


def promote(address: str, alias: str, policy: Policy) -> Promotion:
    """Give ``alias`` to the version at ``address`` if the policy lets it.

    The version that had it gets the alias ``previous`` (``previous-ALIAS`` for others than ``champion``).

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        alias: for example ``champion``.
        policy: what the version must show; its metrics are the tags that `register` wrote.

    Raises:
        ParamsError: MLflow takes no such alias, or it is one that this keeps itself.
        InputError: no such model or version.
        GateError: a metric is missing, too low, too high, or no number that it could be; the version was not held
            against the holder of the alias on the same data, was not registered to the end, or holds another model
            folder than its tags say; or a better one was promoted in the same moment. The alias stays where it is, and
            the refusal is recorded.
        InfrastructureError: the registry refuses the user, is too slow or is none, or others move the alias all the
            time. Whatever was begun, the same command finishes it.
    """
    check_alias(alias, f"--to {alias}")
    with registry_errors.impatient():
        client = model_registry.connect()
        candidate = model_registry.find(client, address)
        _check_name(candidate.name, address)
        log = PromotionLog(client, candidate.name, alias)
        with registry_errors.named(tracking.tracking_uri(), _needs(log)):
            for _ in range(_TRIES):
                chain, held = log.settle()
                holder = None if held is None else client.get_model_version(candidate.name, held)
                found = gates.check(candidate, holder, policy)
                decision = _Decision(log, chain, address, candidate, held, _of_policy(policy, found))
                if problems := gates.problems(found):
                    raise decision.refusal(problems)
                version = str(candidate.version)
                if held == version:
                    alias_webhook.announce(log)
                    return Promotion(candidate.name, alias, version, chain.previous, is_moved=False)
                with rivals.proposed(log, chain, version, held, gates.compared(candidate, policy)) as proposal:
                    if (problem := provenance.problem_of(candidate)) is not None:
                        raise decision.refusal([problem])
                    turn = rivals.await_turn(log, chain, proposal)
                    if turn.winner is not None:
                        raise decision.refusal([rivals.sentence(turn.winner, proposal)])
                    if turn.is_ours and _move(log, log.append("promoted", chain, version, held, decision.record)):
                        prune(log)
                        return Promotion(candidate.name, alias, version, held)
            raise log.contended()


def rollback(address: str, reason: str = "") -> Promotion:
    """Give an alias back to the version that had it before, without any gate: that version passed them in its time.

    Once more goes one step further back. A version that was rolled back comes into service again by `promote` alone.

    Args:
        address: ``models:/NAME@ALIAS``.
        reason: to be recorded.

    Raises:
        ParamsError: the address names no alias, or the reason is too long.
        InputError: no such alias, or no version had it before.
        GateError: somebody else moved the alias in the same moment; it is as they left it.
        InfrastructureError: as for `promote`.
    """
    name, alias = _named_alias(address)
    check_alias(alias, address)
    if len(reason) > _LONGEST_REASON:
        raise ParamsError(f"`--reason` has {len(reason):,} characters", hint=f"At most {_LONGEST_REASON:,} are kept")
    with registry_errors.impatient():
        client = model_registry.connect()
        model_registry.find(client, address)
        log = PromotionLog(client, name, alias)
        with registry_errors.named(tracking.tracking_uri(), _needs(log)):
            chain, held = log.settle()
            target = _before(log, chain)
            if target is None:
                hint = "Promote another version; the log of promotions knows of none that had it before"
                raise InputError(f"nobody had @{alias} before version {held}", file=address, hint=hint)
            version = client.get_model_version(name, target)
            record = _record(version) | {"reason": one_line(reason)}
            if not _move(log, log.append("rolled_back", chain, target, held, record)):
                now = log.holder()
                hint = "See whether that is the version you want, and run this again if not"
                raise GateError(f"@{alias} was moved to version {now} in the same moment", file=address, hint=hint)
    return Promotion(name, alias, target, held)


def history(address: str) -> list[Entry]:
    """All entries of an alias' log, in order: who was promoted, refused, rolled back, with policy and figures.

    Args:
        address: ``models:/NAME@ALIAS``.

    Raises:
        ParamsError: the address names no alias.
        InfrastructureError: as for `promote`.
    """
    name, alias = _named_alias(address)
    with registry_errors.impatient():
        log = PromotionLog(model_registry.connect(), name, alias)
        with registry_errors.named(tracking.tracking_uri(), f"READ on the model {log.log}"):
            return [entry for entry in log.entries() if entry.kind != "proposed"]


def _move(log: PromotionLog, entry: Entry) -> bool:
    """Carry out what was written, and tell of it; False if somebody else was faster."""
    if not log.carry_out(entry):
        return False
    alias_webhook.announce(log)
    return True


def _before(log: PromotionLog, chain: Chain) -> str | None:
    """The last version that had the alias before, and that still exists."""
    return next((version for version in reversed(chain.held[:-1]) if log.exists(version, chain.model(version))), None)


@dataclass(frozen=True)
class _Decision:
    """What a decision about a candidate is made of, and what is written down of it.

    Attributes:
        log: of the alias.
        chain: as it was when the gates were checked.
        address: as it was given.
        candidate: who is to get the alias.
        held: the version that has it.
        compared: the policy and each metric with its limit.
    """

    log: PromotionLog
    chain: Chain
    address: str
    candidate: ModelVersion
    held: str | None
    compared: Mapping[str, str]

    @property
    def record(self) -> dict[str, str]:
        """What is written down."""
        return _record(self.candidate) | dict(self.compared)

    def refusal(self, problems: Sequence[str]) -> GateError:
        """Record that the version was refused; the error to raise."""
        log, number, hint = self.log, str(self.candidate.version), _hint(problems)
        try:
            with registry_errors.named(tracking.tracking_uri(), _needs(log)):
                log.append("refused", self.chain, number, self.held, {**self.record, "problems": json.dumps(problems)})
        except InfrastructureError as error:
            # A refusal holds, whoever may write it down.
            hint = f"{hint}. The refusal was not recorded: {error.problem}"
        else:
            prune(log)
        more = f"; and {len(problems) - _SAID:,} more" if len(problems) > _SAID else ""
        said = f"version {number} is not promoted to @{log.alias}: {'; '.join(problems[:_SAID])}{more}"
        return GateError(said, file=self.address, hint=hint)


def _record(version: ModelVersion) -> dict[str, str]:
    """Who did it, with which program, and which model folder it is about."""
    # What the promoter says of itself: the registry keeps no name of who writes.
    return {"by": one_line(_user()), "program": f"rationanomaly {__version__}", "model": _digest(version)}


def _user() -> str:
    if named := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # In a container the user may have a number only.
        return f"user {os.getuid()}"


def _of_policy(policy: Policy, found: Sequence[Gate]) -> dict[str, str]:
    return {"policy": policy.document, "policy.sha256": policy.sha256, "gates": gates.document(found)}


def _digest(version: ModelVersion) -> str:
    return str(version.tags.get(tracking.OUTPUT, ""))


def _named_alias(address: str) -> tuple[str, str]:
    """Name and alias in ``models:/NAME@ALIAS``."""
    name, _, alias = address.removeprefix("models:/").partition("@")
    if not alias or not name:
        raise ParamsError(f"`{address}` names no alias", hint="Write models:/NAME@ALIAS, such as @champion")
    _check_name(name, address)
    if (fault := fault_of_alias(alias)) is not None:
        raise ParamsError(f"`{address}`: the alias {fault}", hint="Name another, such as champion")
    return name, alias


def _check_name(name: str, given: str) -> None:
    if (fault := fault_of_model_name(name)) is not None:
        raise ParamsError(f"`{given}`: the name of the model {fault}", hint="Check the address; or rename the model")


def check_alias(alias: str, given: str) -> None:
    """Check that promotions can move an alias of this name.

    Args:
        alias: the name.
        given: what a person wrote, for the message.

    Raises:
        ParamsError: MLflow takes no such alias, or it is one that promotions keep themselves.
    """
    if (fault := fault_of_alias(alias)) is not None:
        raise ParamsError(f"`{given}`: the alias {fault}", hint="Name another, such as champion")
    if (fault := fault_of_promoted(alias)) is not None:
        hint = "Name another, such as champion; `rationanomaly rollback` puts the previous version back"
        raise ParamsError(f"`{given}`: the alias {fault}", hint=hint)


def _needs(log: PromotionLog) -> str:
    return f"EDIT on the models {log.name} and {log.log}"


def _hint(problems: Sequence[str]) -> str:
    if any("carries no metric" in problem and STRESS in problem for problem in problems):
        return (
            "Evaluate with `evaluate.stress.rows` above 0 (searched attacks: `searched_alarms`, too), register again, "
            "or take the metric out of the policy"
        )
    if any("was held against another" in problem or "was not held against" in problem for problem in problems):
        return "Evaluate with `evaluate.champion` naming the version that has the alias, and register again"
    if any("carries no metric" in problem for problem in problems):
        return "Register it with `rationanomaly register`, which tags it, or take the metric out of the policy"
    if any("in the same moment" in problem for problem in problems):
        return "Run this again if it should replace that one"
    if any("not proven" in problem or "can't be used" in problem for problem in problems):
        return "Register the model folder again with `rationanomaly register`"
    if any(problem.startswith("version ") for problem in problems):
        return "Evaluate and register it again, and see who changed the version's tags"
    return "Train a better one, or change the policy in a commit of its own"
