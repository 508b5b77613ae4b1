"""The report as a file: it is whole, small, inert, and made from the folder alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_curve as sklearn_roc_curve

from rationanomaly import records
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.evaluate import plots
from rationanomaly.evaluate.ranking import TEMPLATES
from rationanomaly.evaluate.report import REPORT, write_report
from rationanomaly.evaluate.report_champion import reported_champion
from rationanomaly.evaluate.report_files import SETTING, Setting, read_evaluation, system_answers
from rationanomaly.evaluate.report_rows import template_data
from rationanomaly.evaluate.report_sessions import LINES, SHOWN, choose_sessions, timeline_of
from rationanomaly.evaluate.report_tables import headline
from rationanomaly.evaluate.report_texts import as_data, highlighted, marked, quotes_of
from rationanomaly.evaluate.roc import roc_curve
from rationanomaly.evaluate.systems import POLICY_RIVALS, SESSION_SYSTEMS, TRAINED
from tests.conftest import ROOT
from tests.evaluate_folder import write_evaluate_folder
from tests.hostile import HOSTILE, unsafe_in

#: Ways out of the element that holds the data, and into the page.
BREAKS = (
    f"{HOSTILE} </script><script>alert(2)</script> <!-- <script> ]]> {{{{ 7 }}}} <img src=x onerror=alert(1)> &amp;"
)


class Page(HTMLParser):
    """The elements of a page with their attributes, and what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[str, str]] = []
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.open = tag
            self.inside.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = "" if tag == self.open else self.open

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside[-1] = (self.open, self.inside[-1][1] + data)

    @property
    def policy(self) -> str:
        return next(str(a["content"]) for tag, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")

    @property
    def data(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.inside[1][1])
        return document


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_evaluate_folder(folder, templates=24, hostile=BREAKS)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def text(made: Path) -> str:
    return (made / REPORT).read_text(encoding="utf-8")


def test_the_policy_names_the_one_script_and_the_one_style_sheet(text: str) -> None:
    page = Page(text)
    assert [tag for tag, _ in page.inside] == ["style", "script", "script"]
    for directive, (_, inside) in (("style-src", page.inside[0]), ("script-src", page.inside[2])):
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none';")
    assert "unsafe" not in page.policy


def test_nothing_is_loaded_and_nothing_runs_but_the_script(text: str) -> None:
    page = Page(text)
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "img", "base")
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")], tag
        assert str(attributes.get("href", "#")).startswith(("#", "data:,"))
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text
    assert "url(" not in text


def test_hostile_text_is_inert(text: str) -> None:
    assert not unsafe_in(text)
    assert "<script>alert" not in text
    assert "{{" not in text.replace("{{ 7 }}", ""), "text is no template"
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.elements) == 2
    assert "<" not in page.inside[1][1]
    first = page.data["templates"]["rows"][0][1]
    assert "</script><script>alert(2)</script>" in first
    assert "\x02202E\x03" in first, "a change of direction is written out"


def test_all_of_it_is_there(text: str, made: Path) -> None:
    for part in ("audit", "headline", "curves", "levels", "differences", "stress", "ablations", "champion", "examples",
                 "templates", "sessions"):  # fmt: skip
        assert f'<section id="{part}">' in text
    assert text.index('id="audit"') < text.index('id="headline"'), "the audit comes first"
    assert "No leak was found" in text
    for words in ("Expected calibration error", "the whole method", "injection/plain", "It now quotes other words"):
        assert words in text
    data = Page(text).data
    assert len(data["templates"]["rows"]) == data["templates"]["total"] == 24
    assert data["templates"]["rows"][0][11].startswith("To the teacher")
    assert len(data["templates"]["rows"][0][12]) == 3
    assert len(data["templates"]["texts"]) == 3, "texts of neighbours stand once"
    sessions = data["sessions"]
    assert sessions["rows"][0][7] is not None, "a session has its timeline"
    lines = sessions["rows"][0][7][2]
    assert all("\x04" in sessions["texts"][line] for line in lines), "evidence is marked in a session's lines"
    ids = {row[0] for row in data["templates"]["rows"]}
    assert {sessions["links"][line] for line in lines} <= ids, "a line leads to what is known of its template"
    assert len(text.encode()) < 1_000_000
    assert json.loads((made / SETTING).read_bytes())["scope"] == "held-out lines"


def test_the_champion_has_its_comparison_reasons_and_warning(text: str) -> None:
    champion = text[text.index('id="champion"') : text.index('id="examples"')]
    for words in ("0123456789ab", "+0.100 [0.02, 0.20]", ">7<", ">3<", "0.344", "5 answers changed", "now wrong",
                  "The threshold alone flips the answer.", "<mark>", "had learnt the labels of 2"):  # fmt: skip
        assert words in champion
    assert "<script>alert" not in champion
    assert text.index("The champion had learnt of the test") < text.index('id="headline"')


def test_long_texts_of_flips_are_cut(tmp_path: Path) -> None:
    write_evaluate_folder(tmp_path, templates=200, hostile="long " * 3000)
    row = json.loads((tmp_path / "champion.jsonl").read_text().splitlines()[0])
    (tmp_path / "champion.jsonl").write_text(f"{json.dumps(row)}\n" * 300)
    shown = reported_champion(read_evaluation(tmp_path))
    assert shown is not None
    assert (len(shown.flips), sum(shown.counts.values())) == (100, 300)
    sizes = [len(str(flip["log"])) + sum(len(text) for _, text in flip["rationales"]) for flip in shown.flips]
    assert sum(sizes) < 400_000


def test_twice_the_same_bytes_and_elsewhere_too(made: Path, text: str, tmp_path: Path) -> None:
    write_report(made, target=tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_a_leak_is_said_first(made: Path, tmp_path: Path) -> None:
    write_evaluate_folder(tmp_path, templates=8)
    check = {"name": "same_template", "question": "Is a tested template learnt from?", "found": 3, "example": "<b>'x'"}
    (tmp_path / "audit.json").write_text(json.dumps({"checks": [check]}))
    write_report(tmp_path)
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "The test leaks." in page
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    "kept",
    [
        (),
        (records.PREDICTIONS,),
        (records.PREDICTIONS, records.METRICS),
        (records.SESSION_PREDICTIONS, records.METRICS),
    ],
)
def test_what_is_missing_is_left_out(made: Path, tmp_path: Path, kept: tuple[str, ...]) -> None:
    for name in kept:
        (tmp_path / name).write_bytes((made / name).read_bytes())
    write_report(tmp_path, Setting("validation", known=False, scope="after training"), None if kept else {})
    page = (tmp_path / REPORT).read_text(encoding="utf-8")
    assert "Validation figures" in page
    assert 'id="audit"' not in page
    assert 'id="champion"' not in page


def test_a_broken_file_is_named(made: Path, tmp_path: Path) -> None:
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "champion.jsonl").write_text("{}\n{")
    with pytest.raises(InputError, match=r"champion\.jsonl, line 2|champion\.jsonl:2"):
        write_report(tmp_path)
    (tmp_path / "champion.jsonl").unlink()
    (tmp_path / "audit.json").write_text("[")
    with pytest.raises(ArtifactError, match=r"audit\.json"):
        write_report(tmp_path)


def test_texts_are_cut_and_rows_left_out_where_the_page_would_be_too_large(tmp_path: Path) -> None:
    write_evaluate_folder(tmp_path, templates=20, hostile="long " * 600)
    evaluation = read_evaluation(tmp_path)
    whole = template_data(evaluation)
    assert (len(whole["rows"]), whole["longest"]) == (20, 4000)
    cut = template_data(evaluation, 60_000)
    assert len(cut["rows"]) == 20
    assert cut["longest"] < 4000
    small = template_data(evaluation, 6_000)
    assert 0 < len(small["rows"]) < small["total"] == 20
    mine = evaluation.answers[evaluation.final]
    wrong = [key for key, row in mine.items() if row["answer"] != row["truth"]]
    kept = [row[0] for row in small["rows"]]
    assert set(kept[: len(wrong)]) <= set(wrong), "mistakes are kept longest"
    for data, limit in ((whole, 3_400_000), (cut, 60_000), (small, 6_000)):
        assert len(as_data({"rows": data["rows"], "texts": data["texts"]})) < limit * 1.1


MARKED: dict[str, tuple[str, list[tuple[int, int]], str, str]] = {
    "nothing": ("fan failed", [], "fan failed", "fan failed"),
    "one quote": ("fan failed", [(4, 10)], "fan \x04failed\x05", "fan <mark>failed</mark>"),
    "overlap": ("abcdef", [(1, 4), (2, 5)], "a\x04bcd\x05\x04e\x05f", "a<mark>bcd</mark><mark>e</mark>f"),
    "beyond the end": ("abc", [(2, 9), (-3, 1)], "\x04a\x05b\x04c\x05", "<mark>a</mark>b<mark>c</mark>"),
    "characters, not units": ("😀 <b>", [(2, 5)], "😀 \x04<b>\x05", "😀 <mark>&lt;b&gt;</mark>"),
    "unsafe": ("a\u202eb", [(1, 2)], "a\x04\x02202E\x03\x05b", 'a<mark><span class="invisible">U+202E</span></mark>b'),
    "our own marks": ("\x04x\x05", [], "\x020004\x03x\x020005\x03",
                  '<span class="invisible">U+0004</span>x<span class="invisible">U+0005</span>'),
}  # fmt: skip


@pytest.mark.parametrize("case", MARKED)
def test_evidence_is_marked(case: str) -> None:
    text, evidence, for_script, for_page = MARKED[case]
    assert marked(text, evidence) == for_script
    assert highlighted(text, evidence) == for_page


def test_quotes_of_a_rationale_that_were_found() -> None:
    row = {"rationale": 'It says "fan" and "fun".', "evidence": [{"text": "fan", "start": 0, "end": 3}]}
    assert [row["rationale"][start:end] for start, end in quotes_of(row)] == ["fan"]
    assert quotes_of({"rationale": None, "evidence": []}) == []


def test_the_headline_holds_the_best_rule_and_the_reference_beside_the_final_model() -> None:
    names = ("keyword", "teacher_rule", "reference", "labeller", *SESSION_SYSTEMS[:9], "sft", "grpo")
    metrics = {f"{'' if name == 'grpo' else name + '/'}template/rows": 10.0 for name in names}
    f1 = {"keyword": 0.1, "teacher_rule": 0.2, "reference": 0.15, "grpo": 0.3} | {
        name: 0.4 + n / 100 for n, name in enumerate(SESSION_SYSTEMS[:9])
    }
    for name, value in f1.items():
        metrics[f"{'' if name == 'grpo' else name + '/'}template/abnormal/f1"] = value
    shown = [bar.system for bar in headline(metrics, TEMPLATES)]
    assert {"grpo", "teacher_rule", "reference"} < set(shown)
    assert "keyword" not in shown
    assert shown[0] == SESSION_SYSTEMS[8]
    metrics[f"{SESSION_SYSTEMS[8]}/template/rows"] = 4
    assert SESSION_SYSTEMS[8] not in {bar.system for bar in headline(metrics, TEMPLATES)}, "measured on other templates"


def test_sessions_of_each_kind_are_shown() -> None:
    def row(name: str, truth: str | None, answer: str, score: float) -> dict[str, Any]:
        return {"session": name, "truth": truth, "answer": answer, "score": score}

    rows = [row(f"alarm{n}", "abnormal", "abnormal", 0.9) for n in range(300)]
    rows += [
        row("missed", "abnormal", "normal", 0.1),
        row("quiet", "normal", "normal", 0.1),
        row("unknown", None, "abnormal", 1.0),
    ]
    shown = choose_sessions(rows)
    assert len(shown) == SHOWN
    assert shown[:3] == ["missed", "unknown", "quiet"]


WINDOWS = [(5, 3, 0), (LINES, 0, 0), (1000, 500, 500 - LINES // 2), (1000, 999, 1000 - LINES), (0, 0, 0)]


@pytest.mark.parametrize(("length", "highest", "start"), WINDOWS)
def test_a_timeline_holds_the_highest_score(length: int, highest: int, start: int) -> None:
    ids = ["worst" if place == highest else f"t{place % 3}" for place in range(length)]
    row = timeline_of("s", ids, range(10, 10 + length), {"worst": "the worst"}, {"worst": 0.9, "t1": 0.2})
    assert (row["start"], row["length"], len(row["events"])) == (start, length, min(length, LINES))
    if length:
        place = row["events"].index(row["ids"].index("worst"))
        assert row["lines"][place] == 10 + highest
        assert row["texts"][row["ids"].index("worst")] == "the worst"
        scores = dict(zip(row["ids"], row["scores"], strict=True))
        assert scores["worst"] == 0.9
        assert scores.get("t0") is None, "a template that no model judged has no score"


def test_roc_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        truth = rng.random(40) < 0.4
        scores = np.round(rng.random(40), 1)
        false, true, thresholds = sklearn_roc_curve(truth, scores, drop_intermediate=False)
        ours = roc_curve(truth, scores)
        assert np.allclose(ours, np.column_stack([thresholds, false, true])[1:])
    assert roc_curve(np.array([True, True]), np.array([0.1, 0.2])) == []


def test_dvc_plots_what_is_written(made: Path, tmp_path: Path) -> None:
    systems = [one for one in system_answers(read_evaluation(made)) if one.name in (*POLICY_RIVALS, *TRAINED)]
    for draw in (plots.draw_precision_recall, plots.draw_roc, plots.draw_calibration, plots.write_confusion):
        draw(systems, tmp_path)
    (tmp_path / "curves.jsonl").write_text('{"step": 1, "reward": 0.5}\n')
    plots.draw_rewards(tmp_path / "curves.jsonl", tmp_path)
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    shown = [
        (path, column, plot["x"]) for entry in declared for plot in entry.values() for path, column in plot["y"].items()
    ]
    assert {Path(path).name.split(".")[0].split("_")[0] for path, _, _ in shown} == {
        "pr",
        "roc",
        "reward",
        "calibration",
        "confusion",
    }
    for path, column, x in shown:
        header = (tmp_path / Path(path).name).read_text().splitlines()[0].split(",")
        assert {column, x} <= set(header)
