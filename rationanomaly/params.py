"""Typed params: every knob of every step, read from a params file.

``params.yaml`` is complete and is the documentation of the defaults; nothing here repeats a value. A profile
holds only differences and names the file that it starts from (``extends: ../params.yaml``). An unknown key is
an error, so that a misspelled knob never does nothing in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from rationanomaly.errors import ParamsError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """One section of a params file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RunParams(Section):
    name: str
    seed: NonNegative


class DataParams(Section):
    logs: Path
    format: str
    ledger: Path
    truth: Path
    reasoning: Path


class SimulateParams(Section):
    seed: NonNegative
    lines: Positive
    nodes: Positive
    episodes: Annotated[float, Field(ge=0)]
    wrong_labels: Share
    layout: Literal["simulated", "bgl"]
    reviewers: Positive
    miss_rate: Share
    false_alarm_rate: Share
    unsure_rate: Share


class SessionParams(Section):
    kind: Literal["lines", "time", "key"]
    lines: Positive
    seconds: Positive
    key: str | None
    remainder: Literal["drop", "keep"]


class JsonParams(Section):
    message: list[str]
    time: list[str]
    node: list[str]
    alert: list[str]


class ParseParams(Section):
    continue_from: Path | None
    year: Annotated[int, Field(ge=1970, le=2200)]
    json_fields: JsonParams
    pattern: str | None
    time_format: str | None
    multiline: bool
    redact: list[str]
    redact_patterns: dict[str, str]
    masks: dict[str, str]
    depth: Annotated[int, Field(ge=3, le=10)]
    similarity: Share
    max_children: Positive
    max_choices: NonNegative
    max_templates: Positive
    max_words: Positive
    abnormal_share: Share
    max_rejected_share: Share
    max_line_bytes: Positive
    max_expansion: Positive
    sessions: SessionParams


class SplitParams(Section):
    train: Annotated[float, Field(gt=0, le=1)]
    validation: Share
    test: Share
    order: Literal["auto", "time", "stratified"]
    near_duplicate: Annotated[float, Field(gt=0, le=1)]
    anomaly_share: Annotated[float, Field(gt=0, lt=1)] | None


class CorrectParams(Section):
    minimum_kappa: Annotated[float, Field(ge=-1, le=1)]
    split: SplitParams


def _without_secrets(url: str) -> str:
    """Refuse an address that holds a password or a query: params are written to manifests, DVC and MLflow."""
    if url.startswith("env:"):
        return "env:" + _variable_name(url.removeprefix("env:"))
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PydanticCustomError("secret", "must be an http(s) address, or env:NAME of a variable that holds one")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PydanticCustomError("secret", "must hold no user, password or query; put such a one in env:NAME")
    return url


def _variable_name(name: str) -> str:
    """Refuse what is not the name of an environment variable: it may be the key itself, pasted by mistake."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", name) is None:
        raise PydanticCustomError("secret", "must be the NAME of an environment variable, in capitals, never its value")
    return name


VariableName = Annotated[str, AfterValidator(_variable_name)]


class EndpointParams(Section):
    model: str
    url: Annotated[str, AfterValidator(_without_secrets)]
    key: VariableName | None
    headers: dict[str, VariableName]
    output_limit_name: Literal["max_tokens", "max_completion_tokens"]
    concurrency: Positive
    requests_per_minute: Positive
    tokens_per_minute: Positive
    attempts: Positive
    initial_backoff: Rate
    max_backoff: Rate
    call_seconds: Rate
    total_seconds: Rate
    give_up_after: Positive


class BudgetParams(Section):
    currency: str
    prompt_price: Annotated[float, Field(ge=0)]
    completion_price: Annotated[float, Field(ge=0)]
    max_cost: Annotated[float, Field(ge=0)]
    max_tokens: NonNegative


class LocalTeacherParams(Section):
    model: str
    revision: str | None
    batch: Positive


class DistillParams(Section):
    model_config = ConfigDict(coerce_numbers_to_str=True)  # `--set distill.prompt=2`

    teacher: Literal["builtin", "openai", "local", "import"]
    fallback_teacher: Literal["none", "builtin"]
    evidence: Literal["strict", "optional"]
    min_words: Positive
    max_words: Positive
    rationales_per_template: Positive
    retries: NonNegative
    prompt: str
    output_tokens: Positive
    temperature: Annotated[float, Field(ge=0)] | None
    endpoint: EndpointParams
    budget: BudgetParams
    local: LocalTeacherParams


class PromptParams(Section):
    style: Literal["compact", "worded"]
    normalise: bool
    max_words: Positive
    max_characters: Positive
    few_shot_examples: NonNegative


class ModelParams(Section):
    source: Literal["bootstrap", "hub"]
    name: str
    revision: str | None
    copy_megabytes: NonNegative
    encoder: Literal["minilm", "none"]
    max_completion: Positive
    literal_quotes: bool
    lora_rank: Positive
    lora_alpha: Positive
    lora_dropout: Share


class TrainingParams(Section):
    threads: Positive
    processes: Positive
    nodes: Positive
    strategy: Literal["ddp", "zero2", "zero3"]
    offload: Literal["none", "optimizer", "all"]
    checkpoint_steps: Positive
    hang_seconds: Positive
    micro_batch: Positive | None
    quantisation: Literal["none", "nf4"]


class BaseParams(Section):
    harvest: NonNegative
    vocabulary: Positive
    hidden: Positive
    layers: Positive
    heads: Positive
    epochs: Positive
    encoder_loss_weight: Weight
    batch: Positive
    learning_rate: Rate


class PoolParams(Section):
    size: NonNegative
    share: Share
    suspicious_share: Share
    suspicious_logit: float
    abnormal_pieces: Share
    word_drop: Share


class SftParams(Section):
    steps: Positive
    batch: Positive
    learning_rate: Rate
    rationale_share: Share
    abnormal_share: Share
    word_drop: Share
    pool: PoolParams
    learn_validation: bool
    evaluations: NonNegative
    best_by: Literal["ap", "f1", "loss"] | None
    threshold_positives: Positive


class FormatReward(Section):
    right: float
    wrong: float


class AnswerCells(Section):
    true_positive: float
    true_negative: float
    false_positive: float
    false_negative: float
    invalid: float


class RewardWeights(Section):
    answer: Weight
    grounding: Weight
    coherence: Weight
    brevity: Weight
    repetition: Weight


class GroundingWeights(Section):
    evidence: Weight
    log_bleu: Weight
    log_rouge: Weight
    teacher_bleu: Weight
    teacher_rouge: Weight


class RewardParams(Section):
    preset: Literal["paper", "released"]
    format: FormatReward
    answer: AnswerCells
    weights: RewardWeights
    grounding: GroundingWeights
    brevity_width: Rate
    perplexity_scale: Rate


class AlarmParams(Section):
    stop: bool
    window: Positive
    valid_fall: Share
    least_entropy: Annotated[float, Field(ge=0)]
    length_factor: Annotated[float, Field(gt=1)]
    validation_fall: Share


class VllmParams(Section):
    url: Annotated[str, AfterValidator(_without_secrets)]
    memory_share: Annotated[float, Field(gt=0, lt=1)]


class GrpoParams(Section):
    steps: Positive
    prompts: Positive
    generations: Positive
    generation: Literal["transformers", "vllm-colocate", "vllm-server"]
    vllm: VllmParams
    learning_rate: Rate
    beta: Annotated[float, Field(ge=0)]
    temperature: Rate
    abnormal_share: Share
    word_drop: Share
    evaluations: NonNegative
    keep_best: bool
    alarms: AlarmParams
    reward: RewardParams


class EvaluateParams(Section):
    examples: Positive
    bootstrap: NonNegative


class RegisterParams(Section):
    name: str
    alias: str
    tolerance: Rate


class StepResources(Section):
    cpu: str
    memory: str
    gpus: NonNegative
    timeout: Positive
    retries: NonNegative


class ClusterParams(Section):
    image: str
    gpu_image: str
    accelerator: str
    tracking_uri: str
    secret: str
    secret_keys: list[str]
    state_claim: str
    shared_memory: str
    training_runtime: str
    parse_shards: Positive
    default: StepResources
    steps: dict[str, StepResources]


class Params(Section):
    """A complete params document; sections in DAG order."""

    run: RunParams
    data: DataParams
    simulate: SimulateParams
    parse: ParseParams
    correct: CorrectParams
    prompt: PromptParams
    distill: DistillParams
    model: ModelParams
    training: TrainingParams
    base: BaseParams
    sft: SftParams
    grpo: GrpoParams
    evaluate: EvaluateParams
    register_: RegisterParams = Field(alias="register")
    cluster: ClusterParams


def load_params(path: Path, settings: Iterable[str] = ()) -> Params:
    """Read a params file or profile, apply ``key=value`` settings, check everything.

    Args:
        path: a complete file, or a profile with ``extends``.
        settings: changes such as ``grpo.beta=0.01``; the value is read as YAML.

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a missing key or a value of the wrong type; the
            message names the file and, where the key stands in it, its line.
    """
    document = compose(path)
    for setting in settings:
        _apply(document, setting)
    return check(document, path)


def read_document(text: str) -> Params:
    """Typed params from the text of a full document, as `dump` or `dump_line` writes it."""
    document = yaml.safe_load(text)
    if not isinstance(document, dict):
        raise ParamsError("the params document holds no sections", hint="Compose it with `rationanomaly params`")
    return check(document, Path("params document"))


def compose(path: Path) -> dict[str, Any]:
    """The full document of a params file: its own values over those of the file that it extends."""
    document = _read(path)
    parent = document.pop("extends", None)
    if parent is None:
        return document
    return _merge(compose(path.parent / str(parent)), document)


def check(document: Mapping[str, Any], path: Path) -> Params:
    """Turn a full document into typed params."""
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        location = [str(part) for part in first["loc"]]
        key = ".".join(location)
        if first["type"] == "extra_forbidden":
            problem, hint = f"unknown key `{key}`", "Remove it or correct its spelling; params.yaml lists every key"
        elif first["type"] == "missing":
            problem, hint = f"`{key}` is missing", "Add it, or start the file with `extends: ../params.yaml`"
        elif first["type"] == "secret":  # What was found may hold a password.
            problem, hint = f"`{key}` {first['msg']}", "params.yaml says what it means"
        else:
            problem, hint = f"`{key}`: {first['msg']}, found {first['input']!r}", "params.yaml says what it means"
        more = error.error_count() - 1
        problem += f" ({more} more of this kind)" if more else ""
        raise ParamsError(problem, file=path, line=_line_of(path, location), hint=hint) from error


def dump(params: Params) -> str:
    """A full params document as YAML, in DAG order."""
    return yaml.safe_dump(params.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)


def dump_line(params: Params) -> str:
    """A full params document as one line of JSON (which is YAML): KFP breaks parameters with line breaks."""
    return json.dumps(params.model_dump(mode="json", by_alias=True), ensure_ascii=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParamsError(
            "no such params file", file=path, hint="Name one with --params, such as params.yaml"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"can't be read: {error}", file=path, hint="Name a UTF-8 YAML file with --params") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        raise ParamsError("is not YAML", file=path, line=line, hint="Correct the line") from error
    if not isinstance(document, dict):
        raise ParamsError("holds no sections", file=path, hint="Compare with params.yaml")
    return document


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _apply(document: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ParamsError(f"`--set {setting}` is not key=value", hint="Write it like --set grpo.beta=0.01")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ParamsError(f"the value of `--set {setting}` is not YAML", hint="Quote it") from error
    *parents, last = key.strip().split(".")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ParamsError(f"`--set {setting}`: `{parent}` is a value, not a section", hint="See params.yaml")
    place[last] = value


def _line_of(path: Path, location: list[str]) -> int | None:
    """The line of the deepest part of ``location`` that stands in the file itself."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    line = None
    for part in location:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == part), None)
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line
