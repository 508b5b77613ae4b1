"""What a verdict costs: the arithmetic, the counting, the tables, and the micro model measured once."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
import torch

from benchmarks import cost as benchmark
from benchmarks import results
from benchmarks.recorded_metrics import keep_cost
from rationanomaly import artifacts
from rationanomaly.artifacts import write_json
from rationanomaly.cost.known_lines import KnownLines, measure_known_lines
from rationanomaly.cost.measuring import Alone, Batch, measure_alone, measure_batches
from rationanomaly.cost.new_templates import NewTemplates, count_new
from rationanomaly.cost.plot import curves, draw
from rationanomaly.cost.price import cost_per_line, costs, seconds_per_million
from rationanomaly.cost.record import Machine, Measured, Model
from rationanomaly.cost.record_file import read_record
from rationanomaly.cost.spread import Spread, quantile
from rationanomaly.cost.tables import cost_tables, number, plain
from rationanomaly.cost.token_counter import TokenCounter, Tokens
from rationanomaly.cost.training_time import seconds_by_step
from rationanomaly.cost.ways import DIRECT, REASONED, Way, all_ways
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.remembering import RememberingDetector
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.evaluate.report import write_report
from rationanomaly.evaluate.report_cost import reported_cost
from rationanomaly.records import COST, TEMPLATES_SCHEMA
from tests.evaluate_folder import write_evaluate_folder
from tests.micro_model import Trained


def batch(way: Way, size: int, rate: float) -> Batch:
    one = Spread.of([1.0])
    return Batch(way, size, Spread.of([rate, rate / 2, 2 * rate]), Spread.of([size / rate]), one, one, one)


def measured(price: float | None = 0.5) -> Measured:
    waits = [
        Alone(way, 3, tuple(quantile([10.0, 20.0, 30.0], p) for p in (0.5, 0.95, 0.99))) for way in (DIRECT, REASONED)
    ]
    return Measured(
        Machine("2 cores, no GPU", 2, (0.5, 1.5), price, "EUR"),
        Model("grpo", "micro", 135_000_000, 4),
        [batch(DIRECT, 1, 10.0), batch(DIRECT, 64, 50.0), batch(REASONED, 1, 0.5)],
        waits,
        KnownLines(60_000, 700, 12.0, Spread.of([20_000.0, 25_000.0, 50_000.0])),
        NewTemplates(60_000, 720, 12_000.0, 1_000.0, 30, 700.0, 1_400.0),
        {"base": 30.0, "sft": 420.0, "grpo": 590.0, "evaluate": 800.0},
    )


# ---------------------------------------------------------------- arithmetic


def test_a_million_lines_cost_their_reading_and_a_verdict_for_each_new_template() -> None:
    assert seconds_per_million(1_000, 2.0, 25_000.0) == 1_000 * 2 + 40
    by_way = {(one.way, one.batch): one for one in costs(measured().batches, 1_000.0, 25_000.0, 0.5)}
    assert set(by_way) == {(DIRECT, 1), (DIRECT, 64), (REASONED, 1)}
    reasoned = by_way[REASONED, 1]
    assert reasoned.hours == pytest.approx(2_040 / 3600) and reasoned.price == pytest.approx(0.5 * 2_040 / 3600)
    assert reasoned.lines_per_second == pytest.approx(1e6 / 2_040)
    assert by_way[DIRECT, 64].hours == pytest.approx((1_000 / 50 + 40) / 3600)


def test_a_verdict_for_each_line_is_that_many_verdicts() -> None:
    one = cost_per_line(measured().batches, DIRECT, 0.5)
    assert one.hours == pytest.approx(1e6 / 50 / 3600) and one.lines_per_second == 50.0
    assert measured().costs[-1] == one


def test_without_a_price_there_is_no_price() -> None:
    assert {one.price for one in measured(price=None).costs} == {None}
    tables = {table.title: table for table in cost_tables(measured(price=None).as_record())}
    assert not any("EUR" in name for name in tables["What a million lines cost"].head)


@pytest.mark.parametrize(("share", "count"), [(0.5, 40), (0.95, 200)])
def test_the_interval_of_a_quantile_covers_the_true_one(share: float, count: int) -> None:
    rng = np.random.default_rng(0)
    truth, covered = -np.log(1 - share), 0
    for _ in range(400):
        found = quantile(rng.exponential(size=count).tolist(), share)
        covered += (found.low is None or found.low <= truth) and (found.high is None or truth <= found.high)
    assert covered / 400 >= 0.93


def test_few_values_leave_an_end_open() -> None:
    found = quantile([float(one) for one in range(60)], 0.99)
    assert found.high is None and found.low is not None and found.low <= found.value
    alone = quantile([1.0], 0.5)
    assert (alone.low, alone.value, alone.high) == (None, 1.0, None)


def test_new_templates_are_counted_by_their_first_line() -> None:
    rows = [
        (f"t{place}", first, 1_000, lines)
        for place, (first, lines) in enumerate([(1, 900), (400, 50), (600, 40), (900, 10)])
    ]
    table = pl.DataFrame(rows, schema=["template_id", "first_line", "last_line", "lines"], orient="row")
    found = count_new(table)
    assert found is not None and (found.lines, found.templates, found.later_count) == (1_000, 4, 2)
    assert found.from_empty == 4_000 and found.later == 4_000
    # The exact Poisson interval of 2 is .242 to 7.22; the approximation is worse the fewer there are.
    assert found.later_low == pytest.approx(0.242 * 2_000, rel=0.1)
    assert found.later_high == pytest.approx(7.22 * 2_000, rel=0.01)


def test_a_table_of_templates_has_no_lines() -> None:
    assert count_new(pl.DataFrame(schema=TEMPLATES_SCHEMA)) is None


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (99.94, "99.9"), (5.678, "5.68"), (0.1234, "0.123"), (0.00012, "0.00012")]
)
def test_a_number_has_three_digits(value: float, text: str) -> None:
    assert number(value) == text


# ---------------------------------------------------------------- measuring


class Fake:
    """Answers at once, and notes what it was asked; each template is ten tokens to read and one to write."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Way]] = []
        self.texts: list[str] = []
        self.tokens = Tokens(0, 0)

    def __call__(self, templates: Sequence[str], way: Way) -> None:
        self.asked.append((len(templates), way))
        self.texts += templates
        self.tokens = Tokens(
            self.tokens.read + 10 * len(templates), self.tokens.written + way.analyses * len(templates)
        )
        time.sleep(0.001)


def test_ways_take_turns_are_asked_the_same_and_warm_up_is_left_out() -> None:
    fake, texts = Fake(), [f"text {number}" for number in range(8)]
    found = measure_batches(fake, lambda: fake.tokens, dict.fromkeys(all_ways(3), (1, 4)), texts, 2)
    assert [(one.way.name, one.size) for one in found] == [
        (name, size) for name in ("direct", "reasoned-1", "reasoned-3") for size in (1, 4)
    ]
    assert fake.asked[:3] == [(1, way) for way in all_ways(3)], "each way once, before the clock runs"
    assert [size for size, _ in fake.asked[3:]] == [1, 4] * 6
    assert {one.per_second.repetitions for one in found} == {2}
    assert {one.read.median for one in found} == {10.0}
    assert [one.written.median for one in found] == [0, 0, 1, 1, 3, 3]
    assert all(one.per_second.low <= one.size / 0.001 for one in found)


def test_a_repetition_asks_others_than_the_one_before() -> None:
    fake, texts = Fake(), [f"text {number}" for number in range(8)]
    measure_batches(fake, lambda: fake.tokens, {DIRECT: (4,)}, texts, 2)
    assert fake.texts[1:] == texts


def test_a_batch_larger_than_the_templates_is_refused() -> None:
    with pytest.raises(InputError, match="there are 2 templates, and the largest batch has 4"):
        measure_batches(Fake(), lambda: Tokens(0, 0), {DIRECT: (1, 4)}, ["a", "b"], 1)


def test_a_template_alone_is_timed_by_itself() -> None:
    fake = Fake()
    found = measure_alone(fake, lambda: fake.tokens, ["a", "b"], {DIRECT: 5, REASONED: 3})
    assert [size for size, _ in fake.asked[2:]] == [1] * 8
    assert [one.repetitions for one in found] == [5, 3]
    assert all(one.milliseconds[0].value >= 1 for one in found)


def test_tokens_are_counted_without_padding() -> None:
    class Network(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return input_ids

        def generate(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: object) -> torch.Tensor:
            self(input_ids=input_ids, attention_mask=attention_mask)
            return torch.cat([input_ids, torch.tensor([[5, 6, 7], [8, 0, 0]])], dim=1)

    network = cast(Any, Network())
    ids, mask = torch.tensor([[0, 3], [3, 4]]), torch.tensor([[0, 1], [1, 1]])
    with TokenCounter(network) as counter:
        network(input_ids=ids, attention_mask=mask)
        assert counter.tokens == Tokens(3, 0)
        network.generate(input_ids=ids, attention_mask=mask, pad_token_id=0)
        assert counter.tokens == Tokens(6, 4)
    network(input_ids=ids, attention_mask=mask)
    assert counter.tokens == Tokens(6, 4) and "generate" not in vars(network)


# ---------------------------------------------------------------- the micro model


def test_a_detector_that_remembers_asks_the_model_once(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = RememberingDetector.open(trained.root / "sft")
    texts = ["pump failed badly", "fan is ready"]
    first = detector.judge(texts, "direct")
    asked: list[str] = []

    def judge(_: ModelDetector, templates: Sequence[str], *__: object) -> list[Any]:
        asked.extend(templates)
        return [replace(first[0], template=text) for text in templates]

    monkeypatch.setattr(ModelDetector, "judge", judge)
    assert detector.judge([*texts, texts[0]], "direct") == [*first, first[0]] and asked == []
    detector.judge([*texts, "disk is new"], "direct")
    assert asked == ["disk is new"] and detector.remembered == 3
    detector.judge(texts, "reasoned")
    assert asked == ["disk is new", *texts], "another way of asking is another verdict"


def test_known_lines_ask_the_model_nothing(trained: Trained, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    texts = ["pump failed badly", "fan is ready"] * 20
    log.write_text("".join(f"Jan  1 10:00:{place:02} host app[1]: {text}\n" for place, text in enumerate(texts)))
    detector = RememberingDetector.open(trained.root / "sft")
    found = measure_known_lines(detector, log, "auto", 2)
    assert (found.lines, found.templates, found.per_second.repetitions) == (40, 2, 2)
    assert found.per_second.median > 0 and found.first_seconds > 0


def test_a_run_is_measured_as_a_whole(trained: Trained, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"Jan  1 10:00:{place:02} host app[1]: pump failed badly\n" for place in range(9)))
    folders = {name: trained.root / name for name in ("parse", "correct", "sft")}
    arguments = argparse.Namespace(
        threads=1, model="sft", sizes=(1, 2), reasoned_sizes=None, analyses=2, repetitions=1, alone_direct=2,
        alone_reasoned=1, log=log, format="auto", machine="a test", price_per_hour=1.0, currency="EUR",
    )  # fmt: skip
    found = benchmark.measure(folders, {}, arguments)
    by_way = {(one.way.name, one.size): one for one in found.batches}
    assert len(by_way) == 6 and by_way["direct", 1].read.median > 0 and by_way["direct", 1].written.median == 0
    once, twice = (by_way[name, 2].written.median for name in ("reasoned-1", "reasoned-2"))
    assert 0 < once < twice
    assert found.model.stage == "sft" and found.model.weights > 0
    json.dumps(found.as_record(), allow_nan=False)


# ---------------------------------------------------------------- what is shown


def test_the_tables_say_what_was_measured() -> None:
    tables = {table.title: table for table in cost_tables(measured().as_record())}
    assert list(tables) == [
        "One new template, asked alone", "Verdicts a second", "Lines", "What a million lines cost", "Time to train",
    ]  # fmt: skip
    assert tables["Verdicts a second"].rows[0][:3] == ["direct", "1", "10.0 [5.00, 20.0]"]
    price = {(row[0], row[1]): row[-1] for row in tables["What a million lines cost"].rows}
    assert price["reasoned, 1 analysis", "1"] == number(0.5 * 2_040 / 3600)
    assert ("direct, a verdict for each line", "64") in price
    assert tables["Time to train"].rows[-1] == ["base, sft and grpo together", "1,040"]
    assert "20.0 [0, ∞]" in plain(tables["One new template, asked alone"])


def test_equal_records_are_drawn_alike(tmp_path: Path) -> None:
    record = measured().as_record()
    assert {title: len(points) for title, points in curves(record).items()} == {"direct": 2, "reasoned, 1 analysis": 1}
    draw(record, tmp_path / "a.png")
    draw(record, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_report_shows_a_record_that_is_given_or_lies_in_the_folder(tmp_path: Path) -> None:
    write_evaluate_folder(tmp_path / "evaluate", 20)
    hostile = replace(measured(), machine=Machine("<script>alert(1)</script>", 2, (0.0, 0.0)))
    write_json(tmp_path / "given.json", hostile.as_record())
    without, given, beside = (tmp_path / f"{name}.html" for name in ("without", "given", "beside"))
    write_report(tmp_path / "evaluate", target=without)
    write_report(tmp_path / "evaluate", target=given, cost=tmp_path / "given.json")
    write_json(tmp_path / "evaluate" / COST, measured().as_record())
    write_report(tmp_path / "evaluate", target=beside)
    assert 'id="cost"' not in without.read_text()
    assert 'id="cost"' in given.read_text() and "<script>alert" not in given.read_text()
    assert "What a million lines cost" in beside.read_text() and "10.0 [5.00, 20.0]" in beside.read_text()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"machine": {}}'])
def test_what_is_no_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / COST).write_text(text)
    with pytest.raises(ArtifactError, match="is no record of costs"):
        read_record(tmp_path / COST)


def test_a_record_is_a_part_of_the_results(tmp_path: Path) -> None:
    kept = keep_cost(measured().as_record(), "demo", tmp_path, "python -m benchmarks.cost --outputs DIR")
    assert kept.name == "cost-demo.json"
    page = results.compose(tmp_path)
    assert "## What a verdict costs: demo" in page and "| direct | 1 | 10.0 [5.00, 20.0] |" in page


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["--outputs", "/home/ada/run", "--record", "demo"], "--outputs DIR --record demo"),
        (["--outputs=/home/ada", "--sizes", "1", "4", "--log", "/a b"], "--outputs=DIR --sizes 1 4 --log FILE"),
        (["--machine", "2 cores", "--outputs", "x"], "--machine '2 cores' --outputs DIR"),
    ],
)
def test_a_record_names_its_command_and_no_place(words: list[str], command: str) -> None:
    assert benchmark.command_of(words) == f"python -m benchmarks.cost {command}"


def test_bars_are_of_the_measured_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.print_bars(benchmark.bars(measured())) == 1
    assert capsys.readouterr().out.splitlines() == [
        "COST_DIRECT_P95_MS = 29 (target 1000) ok",
        "COST_REASONED_P95_MS = 29 (target 10000) ok",
        "COST_KNOWN_LINES_PER_SECOND = 25000 (target 10000) ok",
        "COST_REASONED_LINES_PER_SECOND = 490 (target 1000) short",
    ]


def test_training_is_timed_by_the_run_that_made_the_very_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = {}
    for name in ("sft", "grpo"):
        with artifacts.writing(tmp_path / name, name) as folder:
            (folder / "a").write_text(name)
        digests[name] = artifacts.read(tmp_path / name).digest
    asked: list[str] = []

    class Client:
        def __init__(self, _uri: str) -> None:
            pass

        def search_experiments(self) -> list[Any]:
            return [SimpleNamespace(experiment_id="1")]

        def search_runs(self, experiments: list[str], query: str, **_: object) -> list[Any]:
            asked.append(query)
            found = [SimpleNamespace(info=SimpleNamespace(start_time=1_000, end_time=4_500))]
            return found if experiments == ["1"] and digests["sft"] in query else []

    monkeypatch.setattr("mlflow.MlflowClient", Client)
    folders = {name: tmp_path / name for name in ("sft", "grpo", "register")}
    assert seconds_by_step(folders, "sqlite:///nowhere.db") == {"sft": 3.5}
    assert len(asked) == 2, "a folder that isn't there is not asked for"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("machine",), {}),
        (("machine", "load"), []),
        (("machine", "load"), "x"),
        (("machine", "price_per_hour"), 10**400),
        (("model", "weights"), "many"),
        (("batches", 0, "way"), {"analyses": 1}),
        (("batches", 0, "per_second"), None),
        (("training",), None),
    ],
)
def test_a_record_with_a_value_of_another_kind_is_named(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    record = json.loads(json.dumps(measured().as_record()))
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (tmp_path / COST).write_text(json.dumps(record))
    with pytest.raises(ArtifactError, match=rf"{COST}: is no record of costs.*benchmarks\.cost"):
        reported_cost(tmp_path)


@pytest.mark.parametrize("text", ["", '{"machine": {', "[" * 200_000, "\x00", "[]"])
def test_a_record_that_is_cut_off_or_nested_without_end_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / COST).write_text(text)
    with pytest.raises(ArtifactError, match=rf"{COST}: is no record of costs"):
        reported_cost(tmp_path)
