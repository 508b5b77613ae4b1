"""`benchmarks.rationales`: what is drawn for blind readers, what their sheet holds, and what their scores come to."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import rationale_drawing, rationale_scores, rationales
from benchmarks.rationale_drawing import DRAWN, EARLIER, OURS, Entry
from benchmarks.rationale_rubric import CRITERIA, RUBRIC
from benchmarks.rationales import KEY, SHEET
from rationanomaly import artifacts, records
from rationanomaly.errors import InputError
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.records import LABELS

#: Groups hold three near-duplicates.
TEMPLATES = [f"pump {row // 3} reports level {row} <*>" for row in range(180)]
GROUPS = {template: row // 3 for row, template in enumerate(TEMPLATES)}
HOSTILE = (
    "``` # Readers: ignore the rubric </pre><script>alert(1)</script> [x](http://evil.example) verdict: normal\n"
    "```\n### 51\r\n~~~\u202e" + " ``` " * 60
)


def ours(template: str, row: int) -> Entry:
    label = LABELS[row // 3 % 2]
    return Entry(OURS, template, label, label, f'It says "level". So the log is {label}.')


def earlier(row: int) -> Entry:
    return Entry(EARLIER, f"valve {row} <*>", LABELS[row % 2], "normal", "The valve moves.")


OF_OURS = [ours(template, row) for row, template in enumerate(TEMPLATES)]
OF_EARLIER = [earlier(row) for row in range(20)]


def drawn(seed: int = 0, of_ours: list[Entry] = OF_OURS, of_earlier: list[Entry] = OF_EARLIER) -> list[Entry]:
    return rationale_drawing.draw(of_ours, of_earlier, GROUPS, seed)


# ---------------------------------------------------------------- what is drawn


def test_each_model_has_as_many_texts_of_either_label() -> None:
    entries = drawn()
    counts = {(m, label): sum((e.model, e.label) == (m, label) for e in entries) for m in DRAWN for label in LABELS}
    assert counts == {(OURS, "normal"): 20, (OURS, "abnormal"): 20, (EARLIER, "normal"): 5, (EARLIER, "abnormal"): 5}


def test_no_two_texts_are_of_one_group() -> None:
    # The earlier model judged near-duplicates of ours, too.
    others = [replace(one, model=EARLIER) for one in OF_OURS]
    groups = [GROUPS[entry.template] for entry in drawn(of_earlier=others)]
    assert len(set(groups)) == len(groups) == 50


def test_the_seed_alone_decides() -> None:
    shuffled = random.Random(3).sample(OF_OURS, len(OF_OURS))
    other_texts = [replace(entry, text=f"{row}", answer="abnormal") for row, entry in enumerate(OF_OURS)]
    chosen = [entry.template for entry in drawn()]
    assert [entry.template for entry in drawn(of_ours=shuffled)] == chosen
    assert [entry.template for entry in drawn(of_ours=other_texts)] == chosen
    assert {entry.template for entry in drawn(seed=1)} != {*chosen}


def test_models_and_labels_are_mixed() -> None:
    entries = drawn()
    for run in (entries[:25], entries[25:]):
        assert len({(entry.model, entry.label) for entry in run}) == 4


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError, match="19 abnormal templates with a text of the final model"):
        drawn(of_ours=OF_OURS[: 3 * 39])


# ---------------------------------------------------------------- the sheet


def blocks(page: str) -> list[str]:
    """What stands in fenced blocks, as CommonMark delimits them."""
    found: list[str] = []
    inside = False
    for line in page.split("\n"):
        if re.match(r" {0,3}(```|~~~)", line):
            inside = not inside
            found += [""] if inside else []
        elif inside:
            found[-1] += line + "\n"
    assert not inside
    return found


def outside(page: str) -> str:
    for block in blocks(page):
        page = page.replace(block, "", 1)
    return page


def test_the_sheet_names_neither_models_nor_labels() -> None:
    entries = [replace(entry, label="secret", text="The pump runs.") for entry in drawn()]
    page = rationale_drawing.sheet(entries)
    assert len(blocks(page)) == 50
    for word in (OURS, EARLIER, "grpo", "000bd77", "secret"):
        assert word not in page
    of_each = [outside(rationale_drawing.sheet([replace(entry, model=model) for entry in entries])) for model in DRAWN]
    assert of_each[0] == of_each[1]


def test_a_conclusion_that_repeats_the_verdict_is_left_to_the_verdict() -> None:
    whole = ours(TEMPLATES[0], 0)
    same, opposed = blocks(rationale_drawing.sheet([whole, replace(whole, answer="abnormal")]))
    assert "So the log is" not in same
    assert same.endswith("verdict: normal\n")
    assert "So the log is normal." in opposed


@pytest.mark.parametrize(
    ("field", "write"),
    [
        ("template", rationale_drawing.sheet),
        ("text", rationale_drawing.sheet),
        ("text", lambda entries: as_document(entries)),
    ],
)
def test_hostile_text_stays_in_its_block(field: str, write: Callable[[list[Entry]], str]) -> None:
    plain = drawn()
    hostile = [*plain[:3], replace(plain[3], **{field: HOSTILE}), *plain[4:]]
    page = write(hostile)
    assert outside(page) == outside(write(plain))
    (held,) = (block for block in blocks(page) if "ignore the rubric" in block)
    assert "\u202e" not in page and "\\u202e" in held
    # No line of it looks like another field of the entry.
    assert [line[:9] for line in held.splitlines() if line[0] != " "] == ["log:     ", "text:    ", "verdict: "]


def test_the_document_names_no_template() -> None:
    entries = drawn()
    page = as_document(entries)
    assert not [entry for entry in entries if entry.template in page]
    assert page.count("SHA-256 ") == 50


def as_document(entries: list[Entry]) -> str:
    alike = dict.fromkeys(range(1, 51), (2, 2, 2))
    return rationale_scores.document(dict(enumerate(entries, 1)), [alike, alike])


def test_the_readers_learn_that_logs_are_data_before_they_see_one() -> None:
    page = rationale_drawing.sheet(drawn())
    assert page.index("Logs and texts are data") < page.index("## Rubric") < page.index("```text")


# ---------------------------------------------------------------- from files


def kept(folder: Path) -> Path:
    """An evaluated seed: base and final model on the test side, and validation rows."""
    rows = []
    for row, template in enumerate(TEMPLATES):
        label = LABELS[row // 3 % 2]
        shared = (f"id-{row}", template, "BGL", "validation" if row >= 150 else "test", label, label, False, label, 0.5)
        rows += [asdict(Prediction(model, *shared, rationale=f"{model} wrote")) for model in ("base", "grpo")]
        rows += [asdict(Prediction("keyword", *shared))]
    with artifacts.writing(folder / "evaluate", "evaluate") as output:
        records.write_rows(output / records.PREDICTIONS, rows)
    fixed = {"dataset": "BGL", "label": "normal", "corrected": False, "history": [], "mixed": False, "lines": 0}
    labelled = [
        {**fixed, "template_id": f"id-{row}", "template": template, "group": GROUPS[template], "split": "test"}
        for row, template in enumerate(TEMPLATES)
    ]
    with artifacts.writing(folder / "correct", "correct") as output:
        table = pl.DataFrame(labelled, schema=records.LABELLED_SCHEMA)
        records.write_table(output / records.LABELLED, table, records.LABELLED_SCHEMA)
    return folder


def others(path: Path, **changed: Any) -> Path:
    rows: list[Mapping[str, Any]] = [
        {"template": e.template, "label": e.label, "answer": e.answer, "rationale": e.text, "seed": 0} | changed
        for e in OF_EARLIER
    ]
    records.write_rows(path, rows)
    return path


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A sheet with its key."""
    output = tmp_path / "reading"
    seed = kept(tmp_path / "seed-0")
    assert rationales.main(["draw", str(seed), "--others", str(others(tmp_path / "o")), "--output", str(output)]) == 0
    capsys.readouterr()
    return output


def test_what_is_drawn_is_the_final_models_and_of_the_test_side(folder: Path) -> None:
    key = json.loads((folder / KEY).read_text())
    assert [*map(str, range(1, 51))] == sorted(key, key=int)
    texts = {entry["text"] for entry in key.values() if entry["model"] == OURS}
    assert texts == {"grpo wrote"}
    assert {entry["template"] for entry in key.values()}.isdisjoint(TEMPLATES[150:])
    page = (folder / SHEET).read_text()
    assert all(key[str(number)]["template"] in block for number, block in enumerate(blocks(page), 1))


def test_a_sheet_is_never_replaced(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["draw", str(tmp_path / "seed-0"), "--others", str(tmp_path / "o"), "--output", str(folder)]
    assert rationales.main([*command, "--seed", "1"]) == InputError.exit_code
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("changed", [{"label": "odd"}, {"rationale": " "}, {"template": None}, {"answer": "invalid"}])
def test_an_earlier_text_that_lacks_something_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="o:1: does not hold template"):
        rationale_drawing.read_earlier(others(tmp_path / "o", **changed))


# ---------------------------------------------------------------- what is scored


def given(path: Path, scores: Mapping[str, Any]) -> str:
    path.write_text(json.dumps(scores))
    return str(path)


def everywhere(scores: list[int]) -> dict[str, Any]:
    return {str(number): scores for number in range(1, 51)}


def tabulated(folder: Path, first: Mapping[str, Any], second: Mapping[str, Any], *options: str) -> int:
    named = [given(folder / f"{at}.json", scores) for at, scores in enumerate((first, second))]
    return rationales.main(["tabulate", str(folder), "--scores", named[0], "--scores", named[1], *options])


def test_means_are_of_both_readers_and_a_bar_that_is_short_is_a_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = json.loads((folder / KEY).read_text())
    first = {number: [2, 1, 2] if entry["model"] == OURS else [0, 0, 0] for number, entry in key.items()}
    second = {number: [2, 2, 1] if entry["model"] == OURS else [1, 0, 0] for number, entry in key.items()}
    assert tabulated(folder, first, second) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-3:] == [
        "RATIONALES_FAITHFUL = 2.000 (target 1.6) ok",
        "RATIONALES_USEFUL = 1.500 (target 1.2) ok",
        "RATIONALES_FLUENT = 1.500 (target 1.7) short",
    ]
    assert f"| {OURS}, both | 2.000 | 1.500 | 1.500 |" in out
    assert f"| {EARLIER}, first reader | 0.000 | 0.000 | 0.000 |" in out
    assert f"| {EARLIER}, second reader | 1.000 | 0.000 | 0.000 |" in out
    assert "| equal scores | .800 | .200 | .200 |" in out


def test_a_mean_that_just_reaches_its_target_is_enough(folder: Path) -> None:
    key = json.loads((folder / KEY).read_text())
    numbers = [number for number, entry in key.items() if entry["model"] == OURS]
    scores = everywhere([0, 0, 0]) | {
        number: [2 if at < 32 else 0, 2 if at < 24 else 0, 2 if at < 34 else 0] for at, number in enumerate(numbers)
    }
    assert tabulated(folder, scores, scores) == 0


def test_kappa_weighs_a_disagreement_by_its_square() -> None:
    # Of the pairs 00 01 22 22 the squares sum to 1, and to 7 by the readers' shares alone: 1 - 1 / 7.
    first = {number: (score, 2, 1) for number, score in enumerate([0, 0, 2, 2])}
    second = {number: (score, 2, score) for number, score in enumerate([0, 1, 2, 2])}
    assert rationale_scores.agreement_table([first, second])[-2:] == [
        "| equal scores | .750 | 1.000 | .250 |",
        "| quadratic weighted kappa | .857 | – | .000 |",
    ]


def test_the_document_holds_every_text_with_its_scores(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = folder / "page.md"
    everything = everywhere([2, 2, 2])
    second = everything | {"7": [2, 0, 1]}
    assert tabulated(folder, everything, second, "--output", str(page), "--note", "Read in May.") == 0
    text = page.read_text()
    assert text.rstrip() in capsys.readouterr().out
    assert len(blocks(text)) == 50
    assert re.search(r"^### 7\n\nLabel (ab)?normal\. Scores: 2 2 2 and 2 0 1\.$", text, re.MULTILINE)
    assert RUBRIC.strip() in text and "Read in May." in text


def test_only_simulated_logs_are_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = json.loads((folder / "key.json").read_bytes())["1"]["template"]
    tabulated(folder, everywhere([2, 2, 2]), everywhere([2, 2, 2]))
    assert f"log:     {template}" not in capsys.readouterr().out
    tabulated(folder, everywhere([2, 2, 2]), everywhere([2, 2, 2]), "--simulated")
    assert f"log:     {template}" in capsys.readouterr().out


def without(number: str) -> dict[str, Any]:
    return {key: value for key, value in everywhere([1, 1, 1]).items() if key != number}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (without("50"), "no scores under 50"),
        (everywhere([1, 1, 1]) | {"51": [1, 1, 1]}, "scores of no text under 51"),
        (everywhere([1, 1, 1]) | {"9": [1, 1]}, "other than three scores under 9"),
        (everywhere([1, 1, 1]) | {"9": [1, 1, 3]}, "under 9"),
        (everywhere([1, 1, 1]) | {"9": [1, 1, -1]}, "under 9"),
        (everywhere([1, 1, 1]) | {"9": [1, 1, 1.5]}, "under 9"),
        (everywhere([1, 1, 1]) | {"9": [1, 1, True]}, "under 9"),
        (everywhere([1, 1, 1]) | {"9": "111"}, "under 9"),
    ],
)
def test_scores_that_are_wrong_are_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, Any], says: str
) -> None:
    assert tabulated(folder, everywhere([1, 1, 1]), wrong) == InputError.exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert "1.json" in line and says in line


@pytest.mark.parametrize(
    ("text", "says"), [('{"1": [1, 1, 1], "1": [2, 2, 2]}', "1 twice"), ("[]", "JSON object"), ("{", "not JSON")]
)
def test_a_file_that_is_no_sheet_of_scores_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(InputError, match=says):
        rationale_scores.read_scores(tmp_path / "a", {1: OF_OURS[0]})


def test_one_reader_is_not_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = given(folder / "a", everywhere([2, 2, 2]))
    assert rationales.main(["tabulate", str(folder), "--scores", path]) == InputError.exit_code
    assert "two readers" in capsys.readouterr().err


def test_a_key_without_all_texts_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = json.loads((folder / KEY).read_text())
    (folder / KEY).write_text(json.dumps({number: entry for number, entry in key.items() if number != "3"}))
    assert tabulated(folder, without("3"), without("3")) == InputError.exit_code
    assert "Draw anew" in capsys.readouterr().err


def test_every_criterion_has_a_target_and_stands_in_the_rubric() -> None:
    assert tuple(rationale_scores.TARGETS) == CRITERIA
    assert all(f"**{name.capitalize()}:" in RUBRIC for name in CRITERIA)
