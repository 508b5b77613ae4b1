"""The log that decides between promoters: two at once, kill -9, stalls, moves by other means. Real processes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly.errors import GateError, InputError, ParamsError
from rationanomaly.params.registry_names import LOG
from rationanomaly.register import promotion_log, pruning, rivals
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import Promotion, history, promote, rollback
from rationanomaly.register.promotion_log import Chain, Entry, PromotionLog
from rationanomaly.runs.model_registry import PROVEN
from tests.mlflow_store import new_store
from tests.promoter import CONTEXT, LONGEST, PROPOSED, Outcome, Plan, Promoter
from tests.registered import add_version, digest_of

F1 = "template/abnormal/f1"
POLICY = Policy(minimum={F1: 0.5}, not_worse={})
PAIRED = Policy(minimum={F1: 0.5}, not_worse={}, paired={F1: 0.05})
LOW = f"difference/champion/{F1}/low"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_store(tmp_path_factory)


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setattr(promotion_log, "_PATIENCE", 0.0)
    monkeypatch.setattr(promotion_log, "_PAUSE", 0.01)
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    return MlflowClient(store, store)


def model(client: MlflowClient, name: str, versions: int = 2) -> str:
    """A model with good versions, the first of them champion."""
    for number in range(1, versions + 1):
        add_version(client, name, f"folder{number}", {F1: "0.6"})
    promote(f"models:/{name}/1", "champion", POLICY)
    return name


def aliases(client: MlflowClient, name: str) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def kinds_of(name: str, alias: str = "champion") -> list[tuple[str, str | None, str | None]]:
    return [(entry.kind, entry.before, entry.version) for entry in history(f"models:/{name}@{alias}")]


# ---------------------------------------------------------------- one after the other


def test_the_version_before_is_kept_and_comes_back(client: MlflowClient) -> None:
    name = model(client, "back", versions=3)
    assert aliases(client, name) == {"champion": "1"}
    for version, before in ((2, 1), (3, 2)):
        promote(f"models:/{name}/{version}", "champion", POLICY)
        assert aliases(client, name) == {"champion": str(version), "previous": str(before)}
    assert rollback(f"models:/{name}@champion", "alerts\ntripled\x1b[2J") == Promotion(name, "champion", "2", "3")
    assert aliases(client, name) == {"champion": "2", "previous": "1"}
    rollback(f"models:/{name}@champion")
    assert aliases(client, name) == {"champion": "1"}
    with pytest.raises(InputError, match="nobody had @champion before version 1"):
        rollback(f"models:/{name}@champion")
    promote(f"models:/{name}/3", "champion", POLICY)
    assert aliases(client, name) == {"champion": "3", "previous": "1"}
    moved = [("promoted", None, "1"), ("promoted", "1", "2"), ("promoted", "2", "3"), ("rolled_back", "3", "2"),
             ("rolled_back", "2", "1"), ("promoted", "1", "3")]  # fmt: skip
    assert kinds_of(name) == moved
    assert history(f"models:/{name}@champion")[3].tags["reason"] == "alerts tripled [2J"


def test_two_aliases_have_two_logs_and_two_versions_before(client: MlflowClient) -> None:
    name = model(client, "aliases")
    for version in (1, 2):
        promote(f"models:/{name}/{version}", "best", POLICY)
    assert aliases(client, name) == {"champion": "1", "best": "2", "previous-best": "1"}
    rollback(f"models:/{name}@best")
    assert aliases(client, name) == {"champion": "1", "best": "1"}


@pytest.mark.parametrize("alias", ["previous", "previous-best"])
def test_aliases_that_promotions_keep_are_not_moved_by_hand(client: MlflowClient, alias: str) -> None:
    with pytest.raises(ParamsError, match="is kept by promotions themselves"):
        promote("models:/any/1", alias, POLICY)
    with pytest.raises(ParamsError, match="is kept by promotions themselves"):
        rollback(f"models:/any@{alias}")


@pytest.mark.parametrize("address", ["models:/any", "models:/any/3", "models:/@champion", ""])
def test_a_rollback_needs_an_alias(client: MlflowClient, address: str) -> None:
    with pytest.raises(ParamsError, match="names no alias"):
        rollback(address)


def test_who_has_the_alias_already_keeps_it_and_nothing_is_written(client: MlflowClient) -> None:
    name = model(client, "again")
    assert promote(f"models:/{name}/1", "champion", POLICY) == Promotion(name, "champion", "1", None, is_moved=False)
    assert len(kinds_of(name)) == 1


def test_a_decision_is_recorded_with_policy_hash_and_metrics(client: MlflowClient) -> None:
    name = model(client, "recorded")
    client.set_model_version_tag(name, "2", F1, "0.7")
    promote(f"models:/{name}/2", "champion", POLICY)
    bad = Policy(minimum={F1: 0.9}, not_worse={})
    with pytest.raises(GateError):
        promote(f"models:/{name}/1", "champion", bad)
    first, second, refused = history(f"models:/{name}@champion")
    assert [entry.tags["policy.sha256"] for entry in (first, second, refused)] == [POLICY.sha256] * 2 + [bad.sha256]
    assert Policy.model_validate_json(refused.tags["policy"]) == bad
    gate = {"part": "minimum", "metric": F1, "value": 0.7, "limit": 0.5, "passed": True}
    assert json.loads(second.tags["gates"]) == [gate]
    assert (second.tags["model"], bool(second.tags["by"])) == (digest_of(client, "folder2"), True)
    assert (refused.kind, refused.version, refused.before) == ("refused", "1", "2")
    assert json.loads(refused.tags["problems"]) == [f"{F1} is 0.6, needed 0.9"]
    assert aliases(client, name)["champion"] == "2"


def test_a_policy_has_one_hash_however_it_is_written() -> None:
    one = Policy(minimum={F1: 0.5, "template/abnormal/ap": 0.1}, not_worse={})
    other = Policy(not_worse={}, maximum={}, minimum={"template/abnormal/ap": 0.10, F1: 0.5})
    assert one.sha256 == other.sha256 != Policy(minimum={F1: 0.5}, not_worse={}).sha256


def test_entries_that_nobody_of_ours_wrote_are_passed_over(client: MlflowClient) -> None:
    name = model(client, "foreign")
    log = f"{name}{LOG}"
    for tags in ({}, {"alias": "champion"}, {"alias": "champion", "kind": "promoted", "after": "x", "nonce": "1"},
                 {"alias": "champion", "kind": "crowned", "after": "1", "nonce": "1"}):  # fmt: skip
        client.create_model_version(log, "file:///nowhere", tags=tags)
    promote(f"models:/{name}/2", "champion", POLICY)
    assert kinds_of(name) == [("promoted", None, "1"), ("promoted", "1", "2")]


@pytest.mark.parametrize(
    ("tag", "value"), [("after", "9" * 5000), ("version", "99999999999"), ("version", "abc"), ("before", "²")]
)
def test_a_number_that_was_edited_by_hand_stops_nobody(client: MlflowClient, tag: str, value: str) -> None:
    name = model(client, f"edited-{tag}-{len(value)}", versions=3)
    promote(f"models:/{name}/2", "champion", POLICY)
    client.set_model_version_tag(f"{name}{LOG}", "2", tag, value)
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "2"
    assert rollback(f"models:/{name}@champion").version == "2"


def test_who_has_a_number_and_no_name_may_promote(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000700000")

    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.setattr("getpass.getuser", nameless)
    name = model(client, "nameless")
    assert history(f"models:/{name}@champion")[0].tags["by"] == f"user {os.getuid()}"


def test_of_a_hundred_things_in_the_way_a_dozen_are_said_and_all_are_recorded(client: MlflowClient) -> None:
    name = model(client, "hundred")
    policy = Policy(minimum={f"template/part{number}/f1": 0.5 for number in range(100)}, not_worse={})
    with pytest.raises(GateError, match="part11/f1; and 88 more") as refused:
        promote(f"models:/{name}/2", "champion", policy)
    assert "part12/" not in str(refused.value)
    assert len(json.loads(history(f"models:/{name}@champion")[-1].tags["problems"])) == 100


# ---------------------------------------------------------------- the champion, on the same data


@pytest.mark.parametrize(
    ("against", "low", "refused"),
    [
        ("folder1", "-0.0500", None),
        ("folder1", "0.0100", None),
        ("folder1", "-0.0501", "needed -0.05"),
        ("folder1", "nan", "which it can't be"),
        ("folder1", None, f"carries no metric {LOW}"),
        (None, "0.1000", "was not held against a champion on the same data"),
        ("folder9", "0.1000", "was held against another champion than version 1"),
    ],
)
def test_only_who_was_held_against_the_champion_on_the_same_data_replaces_it(
    client: MlflowClient, against: str | None, low: str | None, refused: str | None
) -> None:
    name = model(client, f"paired-{against}-{low}")
    for tag, value in (("champion.model", against), (LOW, low)):
        if value is not None:
            client.set_model_version_tag(name, "2", tag, digest_of(client, value) if value == "folder1" else value)
    if refused is None:
        assert promote(f"models:/{name}/2", "champion", PAIRED).previous == "1"
    else:
        with pytest.raises(GateError, match=refused):
            promote(f"models:/{name}/2", "champion", PAIRED)
        assert aliases(client, name) == {"champion": "1"}


def test_the_first_champion_has_nobody_to_be_held_against(client: MlflowClient) -> None:
    add_version(client, "alone", tags={F1: "0.6"})
    assert promote("models:/alone/1", "champion", PAIRED).version == "1"


# ---------------------------------------------------------------- two at once


def plan(store: str, **more: object) -> Plan:
    return Plan({"MLFLOW_TRACKING_URI": store}, **more)  # type: ignore[arg-type]


def at_once(store: str, name: str, policy: Policy) -> tuple[list[Outcome], list[Outcome]]:
    """Versions 2 and 3, promoted by two that both have proposed before either looks; who did, and who was refused."""
    barrier = CONTEXT.Barrier(2)
    plans = [plan(store, meet={PROPOSED: barrier}, patience=600.0) for _ in range(2)]
    started = [
        Promoter.promote(one, f"models:/{name}/{version}", policy) for one, version in zip(plans, (2, 3), strict=True)
    ]
    outcomes = [one.wait() for one in started]
    return [one for one in outcomes if one.done], [one for one in outcomes if one.error]


@pytest.mark.parametrize("policy", [POLICY, PAIRED, Policy(minimum={F1: 0.5}, not_worse={F1: 0.02})])
@pytest.mark.parametrize("better", ["2", "3"])
def test_of_two_at_once_the_better_one_is_promoted_and_the_alias_moves_once(
    client: MlflowClient, store: str, better: str, policy: Policy
) -> None:
    name = model(client, f"better-{better}-{policy.sha256[:8]}", versions=3)
    for version in ("2", "3"):
        client.set_model_version_tag(name, version, "champion.model", digest_of(client, "folder1"))
        client.set_model_version_tag(name, version, LOW, "0.1000")
    client.set_model_version_tag(name, better, F1, "0.6100")
    (won,), (lost,) = at_once(store, name, policy)
    assert won.done == Promotion(name, "champion", better, "1")
    assert f"version {better} was promoted in the same moment, and is better: {F1} 0.61, here 0.6" in lost.problem
    assert isinstance(lost.error, GateError)
    assert aliases(client, name) == {"champion": better, "previous": "1"}
    worse = "3" if better == "2" else "2"
    assert kinds_of(name)[1:] == [("promoted", "1", better), ("refused", "1", worse)]


def test_of_two_as_good_ones_at_once_the_first_is_promoted(client: MlflowClient, store: str) -> None:
    name = model(client, "even", versions=3)
    (won,), (lost,) = at_once(store, name, POLICY)
    assert f"version {won.done.version} was promoted in the same moment, and is as good" in lost.problem
    assert aliases(client, name) == {"champion": won.done.version, "previous": "1"}
    # It may follow, if somebody wants it.
    worse = "3" if won.done.version == "2" else "2"
    assert promote(f"models:/{name}/{worse}", "champion", POLICY).previous == won.done.version


def test_less_is_better_of_an_error() -> None:
    def proposal(number: int, metrics: object) -> Entry:
        return Entry(number, "proposed", 0, str(number), None, "n", False, 0.0, {"metrics": json.dumps(metrics)})

    brier, ap = "template/calibration/brier", "template/abnormal/ap"
    assert rivals.is_better(proposal(2, {brier: 0.1}), proposal(1, {brier: 0.2}))
    assert rivals.is_better(proposal(2, {brier: 0.9, F1: 0.8}), proposal(1, {brier: 0.1, F1: 0.7}))
    assert rivals.is_better(proposal(2, {ap: 0.9, F1: 0.7}), proposal(1, {ap: 0.1, F1: 0.7}))
    odds: tuple[object, ...] = ({}, [], "no", {F1: "0.9"}, None)
    for odd in odds:
        assert rivals.is_better(proposal(1, odd), proposal(2, {F1: 0.7}))
        assert not rivals.is_better(proposal(2, {F1: 0.7}), proposal(1, odd))


class TornLog(PromotionLog):
    """A log whose first list was read in two: the versions before another was promoted, their tags behind that."""

    def __init__(self, first: Sequence[Entry], after: Sequence[Entry]) -> None:
        self.lists = chain([first], repeat(after))

    def entries(self) -> list[Entry]:
        return list(next(self.lists))


def test_a_better_one_that_is_promoted_while_entries_are_read_has_won(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)

    def proposal(number: int, f1: float, **tags: str) -> Entry:
        record = {"metrics": json.dumps({F1: f1})} | tags
        return Entry(number, "proposed", 0, str(number + 1), "1", "n", False, 0.0, record)

    better, own = proposal(1, 0.61, withdrawn="0"), proposal(2, 0.6)
    promoted = Entry(3, "promoted", 0, better.version, "1", "m", True, 0.0, {})
    log = TornLog([better, own], [better, own, promoted])
    assert rivals.await_turn(log, Chain([]), own) == rivals.Turn(is_ours=False, winner=better)


def test_a_better_one_that_has_died_is_passed_over(client: MlflowClient, store: str) -> None:
    name = model(client, "died", versions=3)
    client.set_model_version_tag(name, "2", F1, "0.9")
    calls = Promoter.promote(plan(store), f"models:/{model(client, 'calls')}/2", POLICY).wait().calls
    decides = [number for number, call in enumerate(calls, 1) if call == "create_model_version"][1]
    assert Promoter.promote(plan(store, kill_before=decides), f"models:/{name}/2", POLICY).wait().was_killed
    assert aliases(client, name) == {"champion": "1"}
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "1"
    assert kinds_of(name)[1:] == [("promoted", "1", "3")]


def test_a_proposal_that_was_refused_stands_in_nobodys_way(
    client: MlflowClient, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = model(client, "withdrawn", versions=3)
    client.set_model_version_tag(name, "2", F1, "0.9")
    client.set_model_version_tag(name, "2", PROVEN, "no")
    with pytest.raises(GateError, match="was not proven"):
        promote(f"models:/{name}/2", "champion", POLICY)
    monkeypatch.setattr(promotion_log, "_PATIENCE", 600.0)
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "1"


def test_old_refusals_and_dead_proposals_are_pruned(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_KEPT", 2)
    monkeypatch.setattr(pruning, "_DEAD", -600.0)
    name = model(client, "pruned", versions=3)
    promote(f"models:/{name}/2", "champion", POLICY)
    for limit in (0.7, 0.75, 0.8, 0.85):
        with pytest.raises(GateError):
            promote(f"models:/{name}/3", "champion", Policy(minimum={F1: limit}, not_worse={}))
    entries = history(f"models:/{name}@champion")
    assert [entry.kind for entry in entries] == ["promoted", "promoted", "refused", "refused"]
    assert [json.loads(entry.tags["policy"])["minimum"][F1] for entry in entries[2:]] == [0.8, 0.85]
    assert {entry.kind for entry in PromotionLog(client, name, "champion").entries()} == {"promoted", "refused"}
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "2"
    assert rollback(f"models:/{name}@champion").version == "2"


def test_of_two_rollbacks_at_once_one_goes_back(client: MlflowClient, store: str) -> None:
    name = model(client, "twice", versions=3)
    for version in (2, 3):
        promote(f"models:/{name}/{version}", "champion", POLICY)
    barrier = CONTEXT.Barrier(2)
    plans = [plan(store, meet={"create_model_version": barrier}, patience=60.0) for _ in range(2)]
    outcomes = [one.wait() for one in [Promoter.rollback(one, f"models:/{name}@champion") for one in plans]]
    (lost,) = [outcome for outcome in outcomes if outcome.error]
    assert "in the same moment" in lost.problem
    assert aliases(client, name) == {"champion": "2", "previous": "1"}


def test_a_promoter_that_stalls_before_its_write_puts_right_what_it_wrote(client: MlflowClient, store: str) -> None:
    name = model(client, "stalled", versions=3)
    reached, go = CONTEXT.Event(), CONTEXT.Event()
    slow = Promoter.promote(
        plan(store, hold={"set_registered_model_alias champion": (reached, go)}), f"models:/{name}/2", POLICY
    )
    assert reached.wait(LONGEST)
    assert promote(f"models:/{name}/3", "champion", POLICY) == Promotion(name, "champion", "3", "2")
    go.set()
    assert slow.wait().done.version == "2"
    assert aliases(client, name) == {"champion": "3", "previous": "2"}
    assert kinds_of(name)[1:] == [("promoted", "1", "2"), ("promoted", "2", "3")]


# ---------------------------------------------------------------- kill -9


def calls_of(store: str, name: str) -> list[str]:
    outcome = Promoter.promote(plan(store), f"models:/{name}/2", POLICY).wait()
    assert outcome.done.version == "2"
    return outcome.calls


def test_killed_before_a_write_it_changes_nothing_or_is_finished_by_the_next(client: MlflowClient, store: str) -> None:
    calls = calls_of(store, model(client, "lives"))
    # Before each write: whoever dies between two of them leaves the same state.
    writes = [number for number, call in enumerate(calls, 1) if call.startswith(("create_", "set_", "delete_"))]
    states = set()
    for number in writes:
        name = model(client, f"killed-{number}", versions=3)
        outcome = Promoter.promote(plan(store, kill_before=number), f"models:/{name}/2", POLICY).wait()
        assert outcome.was_killed
        left, entries = aliases(client, name), kinds_of(name)
        assert left["champion"] in ("1", "2")
        states.add((left["champion"], left.get("previous"), len(entries)))
        if number % 2:
            promote(f"models:/{name}/2", "champion", POLICY)  # The same once more.
            expected = ["1", "2"]
        else:
            done = promote(f"models:/{name}/3", "champion", POLICY)  # Another one.
            expected = ["1", "2", "3"] if len(entries) > 1 else ["1", "3"]
            assert done.previous == expected[-2]
        assert [version for _, _, version in kinds_of(name)] == expected
        assert aliases(client, name) == {"champion": expected[-1], "previous": expected[-2]}
    # Nothing done, decided, version before kept, moved: each was met.
    assert states == {("1", None, 1), ("1", None, 2), ("1", "1", 2), ("2", "1", 2)}


def test_a_rollback_after_a_kill_takes_back_what_was_decided(client: MlflowClient, store: str) -> None:
    name = model(client, "decided")
    reached, go = CONTEXT.Event(), CONTEXT.Event()
    slow = Promoter.promote(
        plan(store, hold={"set_registered_model_alias champion": (reached, go)}), f"models:/{name}/2", POLICY
    )
    assert reached.wait(LONGEST)
    slow.process.kill()
    assert slow.wait().was_killed
    assert rollback(f"models:/{name}@champion") == Promotion(name, "champion", "1", "2")
    assert aliases(client, name) == {"champion": "1"}


# ---------------------------------------------------------------- by other means


def test_a_move_by_other_means_is_recorded_and_the_gates_are_held_against_it(client: MlflowClient) -> None:
    name = model(client, "moved", versions=3)
    client.set_registered_model_alias(name, "champion", "2")
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "2"
    assert kinds_of(name)[1:] == [("moved_outside", "2", "2"), ("promoted", "2", "3")]
    assert aliases(client, name) == {"champion": "3", "previous": "2"}


def test_who_went_back_by_hand_is_not_taken_forward_by_a_rollback(client: MlflowClient) -> None:
    name = model(client, "by-hand", versions=3)
    for version in (2, 3):
        promote(f"models:/{name}/{version}", "champion", POLICY)
    client.set_registered_model_alias(name, "champion", "2")
    assert rollback(f"models:/{name}@champion").version == "1"


def test_an_alias_that_was_taken_off_by_hand_is_nobodys(client: MlflowClient) -> None:
    name = model(client, "off")
    client.delete_registered_model_alias(name, "champion")
    with pytest.raises(InputError, match="no such registered model version"):
        rollback(f"models:/{name}@champion")
    assert promote(f"models:/{name}/2", "champion", POLICY).previous is None


def test_a_holder_from_before_there_was_a_log_can_be_put_back(client: MlflowClient) -> None:
    for content in ("older1", "older2"):
        add_version(client, "older", content, {F1: "0.6"})
    client.set_registered_model_alias("older", "champion", "1")
    promote("models:/older/2", "champion", POLICY)
    assert rollback("models:/older@champion").version == "1"


def test_a_rollback_passes_over_versions_that_were_deleted(client: MlflowClient) -> None:
    name = model(client, "deleted", versions=3)
    for version in (2, 3):
        promote(f"models:/{name}/{version}", "champion", POLICY)
    client.delete_model_version(name, "2")
    assert rollback(f"models:/{name}@champion").version == "1"
    assert aliases(client, name) == {"champion": "1"}


def test_a_model_that_was_made_anew_is_not_rolled_back_to_versions_that_passed_no_gate(client: MlflowClient) -> None:
    name = model(client, "anew", versions=3)
    promote(f"models:/{name}/2", "champion", POLICY)
    client.delete_registered_model(name)
    client.create_registered_model(name)
    for number in range(1, 4):
        add_version(client, name, f"another{number}", {F1: "0.6"})
    promote(f"models:/{name}/3", "champion", POLICY)
    assert aliases(client, name) == {"champion": "3"}
    with pytest.raises(InputError, match="nobody had @champion before version 3"):
        rollback(f"models:/{name}@champion")


def test_a_decided_version_that_was_deleted_is_given_up(client: MlflowClient, store: str, tmp_path: Path) -> None:
    name = model(client, "gone", versions=3)
    log = PromotionLog(client, name, "champion")
    log.append("promoted", log.read(), "2", "1", {})
    client.delete_model_version(name, "2")
    assert promote(f"models:/{name}/3", "champion", POLICY).previous == "1"
    assert aliases(client, name) == {"champion": "3", "previous": "1"}
