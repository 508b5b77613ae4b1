"""What models write is sampled as params say, under the form's constraints: GRPO's completions, the detector's too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from scipy.stats import chisquare

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.grpo import policy, sampling, trainer
from rationanomaly.model import scoring
from rationanomaly.model.constrained_form import Choice, Grammar
from rationanomaly.text.evidence import find_quotes
from rationanomaly.text.prompt import Shown, parse_response, show, split_conclusion
from tests.micro_model import Trained

TEMPERATURE = 0.4
TEMPLATES = ("pump failed badly", 'the "fan" is ready now', "card <*> is </think> ready", "")


@dataclass
class Watched:
    """What GRPO's first step drew, and what its loss made of it.

    Attributes:
        completions: with the log that each is about, of all steps.
        drawn: of each completion of the first step, the log of the probability that its tokens were drawn with.
        scored: by each pass over the first step's completions, their log-probability.
    """

    completions: list[tuple[str, str]] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    scored: list[list[float]] = field(default_factory=list)


@pytest.fixture(scope="module")
def grpo(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Micro GRPO at another temperature than 1."""
    section = trained.params.grpo.model_copy(update={"temperature": TEMPERATURE, "evaluations": 0})
    changed = replace(trained, params=trained.params.model_copy(update={"grpo": section}))
    with pytest.MonkeyPatch.context() as patch:
        watched = _watch(patch)
        changed.step("grpo", tmp_path_factory.mktemp("grpo") / "grpo")
    return watched


def _watch(patch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    make, score = trainer.reward_function, policy._score
    #: Of each call of ``generate`` that samples, a column for each token.
    draws: list[list[torch.Tensor]] = []

    class Draws(sampling._Draws):
        def __init__(self) -> None:
            super().__init__()
            self.drawn: list[torch.Tensor] = []

        def __call__(self, probabilities: torch.Tensor, **options: Any) -> torch.Tensor:
            tokens = super().__call__(probabilities, **options)
            if not self.drawn:
                draws.append(self.drawn)
            self.drawn.append(probabilities.gather(1, tokens)[:, 0].log())
            return tokens

    def reward(*settings: Any) -> Callable[..., list[float]]:
        pay = make(*settings)

        def paid(**columns: Any) -> list[float]:
            watched.completions += zip(columns["completions"], columns["text"], strict=True)
            # Where one token could come, in the form and behind its end, this is 0.
            watched.drawn = watched.drawn or torch.stack(draws[0], 1).sum(1).tolist()
            return pay(**columns)

        return paid

    def scored(hidden: Any, places: Any, head: Any) -> Any:
        found = score(hidden, places, head)
        if len(draws) == 1:
            watched.scored.append(found["log_probs"].sum(1).tolist())
        return found

    patch.setattr(sampling, "_Draws", Draws)
    patch.setattr(trainer, "reward_function", reward)
    patch.setattr(policy, "_score", scored)
    return watched


def test_the_loss_takes_the_probabilities_that_tokens_were_drawn_with(grpo: Watched) -> None:
    assert len(set(grpo.drawn)) > 1
    # The policy and the KL reference, which is the same before the first update; TRL shuffles the rows in between.
    assert len(grpo.scored) >= 2
    for found in grpo.scored:
        assert sorted(found) == pytest.approx(sorted(grpo.drawn), abs=0.05)


def test_grpo_is_paid_for_completions_in_form_with_literal_quotes(grpo: Watched) -> None:
    assert len(grpo.completions) == 8
    for text, log in grpo.completions:
        response = parse_response(text)
        assert response.problem is None or not response.rationale, text
        assert response.stated == split_conclusion(response.rationale)[1], text
        assert [quote for quote in find_quotes(response.rationale) if quote not in log] == []


@pytest.mark.parametrize("index", [0, 1])
def test_the_detector_writes_no_token_that_its_form_rules_out(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    scorer = ModelDetector.open(trained.root / "sft")._scorer
    written: list[torch.Tensor] = []
    generate = scorer._model.generate

    def watched(**options: Any) -> torch.Tensor:
        found: torch.Tensor = generate(**options)
        written.append(found[0, options["input_ids"].shape[1] :])
        return found

    monkeypatch.setattr(scorer._model, "generate", watched)
    for template in TEMPLATES:
        log = show(template, trained.params.prompt)
        scorer.analyses([log], index, temperature=2.0)
        tokens = written[-1].tolist()
        assert len(tokens) >= scorer.grammar.room
        for token, choice in zip(tokens, scorer.grammar.choices(log, tokens), strict=True):
            assert _may_come(token, choice, scorer.grammar)


def _may_come(token: int, choice: Choice, grammar: Grammar) -> bool:
    if choice.allowed is not None:
        return token in choice.allowed
    return token not in grammar.banned and (choice.may_open or token not in grammar.vocabulary.opening)


@pytest.mark.parametrize(("temperature", "differ"), [(1e-6, False), (5.0, True)])
def test_the_detector_samples_further_analyses_at_the_temperature_of_its_card(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, temperature: float, differ: bool
) -> None:
    written: list[str] = []

    def whole(text: str) -> str:
        written.append(text)
        return "It runs."

    monkeypatch.setattr(scoring, "_whole_sentences", whole)
    detector = ModelDetector.open(trained.root / "sft")
    detect = detector.card.detect.model_copy(update={"temperature": temperature})
    detector.card = replace(detector.card, detect=detect)
    detector.judge(TEMPLATES, analyses=3)
    likeliest, *sampled = (written[start : start + len(TEMPLATES)] for start in range(0, 3 * len(TEMPLATES), 4))
    assert [analyses != likeliest for analyses in sampled] == [differ, differ]


def test_sampled_tokens_come_as_often_as_the_temperature_says() -> None:
    many, temperature = 4000, 0.5
    logits = torch.tensor([0.0, 0.5, 1.0, -1.0, -torch.inf])
    noise = scoring._SeededNoise([Shown(str(row), (), 0) for row in range(many)], [1] * many, temperature)
    counts = noise(torch.empty(0), logits.expand(many, -1)).argmax(1).bincount(minlength=len(logits))
    assert counts[-1] == 0
    expected = (logits.double() / temperature).softmax(-1) * many
    assert chisquare(counts[:-1], expected[:-1]).pvalue > 1e-3
