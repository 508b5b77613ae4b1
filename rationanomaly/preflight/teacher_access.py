"""The teacher answers with our key, and its budget allows what the run will ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from urllib.parse import urlsplit, urlunsplit

import polars as pl

from rationanomaly.distill.budget import Budget, Tokens, likely_case, worst_case
from rationanomaly.distill.estimate import estimate
from rationanomaly.distill.teacher_prompt import LONGEST_REFUSAL, load_teacher_prompt
from rationanomaly.distill.teachers import Question
from rationanomaly.errors import RationAnomalyError
from rationanomaly.parse.preview import preview
from rationanomaly.parse.table import TABLE
from rationanomaly.preflight.asking import Reply, SilenceError, ask
from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import Setting
from rationanomaly.text import prompt
from rationanomaly.text.secrets import Secrets

#: A template that is as long as they come on average, where none is at hand.
_TYPICAL = "generating core dump " * 6


@dataclass(frozen=True)
class _Asked:
    """What the run will ask at least.

    Attributes:
        calls: first calls.
        likely, worst: their price.
        left: of the budget.
        where: the numbers come from.
    """

    calls: int
    likely: float
    worst: float
    left: float
    where: str


def check_teacher(setting: Setting) -> Iterator[Finding]:
    """The endpoint knows the key and the model; what is asked fits into `distill.budget`."""
    if setting.params.distill.teacher != "openai":
        return
    yield from _check_budget(setting)
    yield from _check_endpoint(setting)


def _check_budget(setting: Setting) -> Iterator[Finding]:
    budget = setting.params.distill.budget
    try:
        asked = _asked(setting)
    except RationAnomalyError as error:
        yield Finding.of(error, "Correct it")
        return
    amounts = f"{asked.calls} calls or more ({asked.where}) cost about {asked.likely:.2f} {budget.currency}"
    amounts += f", {asked.worst:.2f} at worst; distill.budget allows {asked.left:.2f}"
    hint = "Raise distill.budget.max_cost and max_tokens, take a cheaper teacher, or fewer templates (correct.split)"
    if asked.likely > asked.left or (asked.calls and not asked.left and asked.worst):
        yield Finding(f"the teacher's budget is too small: {amounts}", hint)
    elif asked.worst > asked.left:
        yield warning(f"the teacher's budget may not last: {amounts}", hint)


def _asked(setting: Setting) -> _Asked:
    params = setting.params
    known = None if setting.outputs is None else setting.outputs / "correct"
    if known is not None and known.is_dir():
        exact = estimate(params, {"correct": known}, setting.state / "distill")
        return _Asked(exact.calls, exact.likely_cost, exact.worst_cost, exact.left, "of the output of correct")
    texts, where = _templates(setting)
    settings, budget = params.distill, Budget(params.distill.budget)
    shares = params.correct.split
    trained = shares.train / (shares.train + shares.validation + shares.test)
    calls = max(1, int(len(texts) * trained)) * settings.rationales_per_template
    teacher = load_teacher_prompt(params)
    messages = [
        teacher.messages(Question(text, text, prompt.show(text, params.prompt), "abnormal", 0))
        for text in texts[:100] or [_TYPICAL]
    ]
    likely = _mean([likely_case(one, settings.output_tokens) for one in messages])
    worst = _mean([worst_case(one, settings.output_tokens) for one in messages])
    tries = 1 + settings.retries
    worst = Tokens(worst.prompt * tries + LONGEST_REFUSAL * settings.retries, worst.completion * tries)
    price = budget.price(likely) * calls, budget.price(worst) * calls
    if likely.total * calls > settings.budget.max_tokens:
        return _Asked(calls, price[0], price[1], 0.0, f"{where}; {settings.budget.max_tokens} tokens are allowed")
    return _Asked(calls, *price, settings.budget.max_cost, where)


def _templates(setting: Setting) -> tuple[list[str], str]:
    """Templates that can be had in a second: of a table all, of a log those of its first lines."""
    data = setting.params.data
    path = data.source("logs")
    try:
        if data.format == TABLE:
            table = pl.read_csv(path, columns=["template"], infer_schema=False)
            return table["template"].unique(maintain_order=True).to_list(), "of the table of templates"
        seen = preview(path, data.format, setting.params.parse)
    except (RationAnomalyError, OSError, pl.exceptions.PolarsError):
        return [], "no log can be read here"  # `check_data` says why.
    texts = seen.templates["template"].to_list()
    return (texts * (1 + seen.more // max(len(texts), 1)))[: len(texts) + seen.more], f"of the first {seen.lines} lines"


def _mean(counts: list[Tokens]) -> Tokens:
    return Tokens(round(fmean(one.prompt for one in counts)), round(fmean(one.completion for one in counts)))


def _check_endpoint(setting: Setting) -> Iterator[Finding]:
    endpoint, environment = setting.params.distill.endpoint, setting.environment
    named = endpoint.url.removeprefix("env:") if endpoint.url.startswith("env:") else None
    address = environment.get(named, "") if named else endpoint.url
    key = environment.get(endpoint.key, "").strip() if endpoint.key else "none"
    if not address or not key:
        return  # `check_secrets` says so.
    secrets = Secrets()
    secrets.add(key)
    secrets.add_url(address)
    headers = {"Authorization": f"Bearer {key}"}
    for header, variable in endpoint.headers.items():
        headers[header] = environment.get(variable, "").strip()
        secrets.add(headers[header])
    parts = urlsplit(address)
    models = urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/models", parts.query, ""))
    try:
        reply = ask("GET", models, setting.seconds, headers)
    except SilenceError as silence:
        yield Finding(secrets.strike(f"the teacher's endpoint {silence}"), "Check distill.endpoint.url and the network")
        return
    yield from _read(setting, reply, secrets)


def _read(setting: Setting, reply: Reply, secrets: Secrets) -> Iterator[Finding]:
    endpoint = setting.params.distill.endpoint
    said = secrets.strike(f"{reply.status} {reply.text}")[:200]
    if reply.status in (401, 403):
        name = endpoint.key or "distill.endpoint.key"
        hint = f"Check the key and what it may do: {setting.in_secret(name)}"
        yield Finding(f"the teacher's endpoint refuses the key: {said}", hint)
    elif reply.status == 429:
        yield warning(f"the teacher's endpoint is busy or its credit is used up: {said}", "Check the account")
    elif reply.status != 200 or reply.document is None:
        yield warning(
            f"the teacher's endpoint has no list of models, so the key was not tried: {said}",
            "Try one call by hand; the path of distill.endpoint.url ends in /v1 on most servers",
        )
    else:
        listed = [str(row.get("id")) for row in reply.document.get("data") or () if isinstance(row, dict)]
        if listed and endpoint.model not in listed:
            problem = f"the teacher's endpoint does not list the model {endpoint.model!r}"
            yield warning(problem, secrets.strike(f"Correct distill.endpoint.model; it has {', '.join(listed[:8])}"))
