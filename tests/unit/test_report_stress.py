"""Which stress rates the report puts first."""

from __future__ import annotations

from rationanomaly.evaluate.report_stress import STRESS_IN_WORDS, main_rates, stress_probes
from rationanomaly.stress.run import TARGETS

RATES = ("unsupported/rate", "injection/authority/flips", "injection/flips", "foreign/recall", "odd/rate")
METRICS = {
    f"stress/{name}{end}": value
    for name in RATES
    for end, value in (("", 0.25), ("/low", 0.1), ("/high", 0.5), ("/rows", 40.0))
}


def test_rates_of_whole_probes_come_first_in_words_and_with_their_targets() -> None:
    probes = stress_probes(METRICS, ())
    assert [(words, rate.name, target) for words, rate, target in main_rates(probes)] == [
        (STRESS_IN_WORDS[name], name, TARGETS.get(f"stress/{name}"))
        for name in ("injection/flips", "unsupported/rate", "foreign/recall")
    ]
    assert {rate.name for probe in probes for rate in probe.rates} == set(RATES), "none is left out of the whole table"


def test_every_target_is_of_a_rate_that_comes_first() -> None:
    assert {name.removeprefix("stress/") for name in TARGETS} <= set(STRESS_IN_WORDS)
