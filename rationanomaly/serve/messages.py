"""The bodies of requests and answers, for checks and for the description that `/openapi.json` gives."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.detection.verdict import Verdict

#: Characters of a template or line; the model is shown far fewer.
_LONGEST = 65_536
Text = Annotated[str, Field(max_length=_LONGEST)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class VerdictsRequest(_Request):
    """Templates to be judged."""

    templates: Annotated[list[Text], Field(min_length=1, examples=[["link <*> down", "job <*> done"]])]
    wait_seconds: Seconds = Field(0, description="So long the answer may wait for verdicts that are not known yet.")


class ExplainRequest(_Request):
    """A log line to be explained."""

    line: Annotated[str, Field(min_length=1, max_length=_LONGEST)]
    wait_seconds: Seconds = 10.0
    similar: Annotated[int, Field(ge=0, le=20, description="Similar templates to be named.")] = 3


class LinesRequest(_Request):
    """Log lines, as JSON; as `text/plain` they are the body, and the rest stands in the address."""

    lines: list[str]
    stream: str | None = Field(None, description="Name of the stream; default: that of the API key.")
    format: str = Field("auto", description="Name of a log format.")
    node: Annotated[str, Field(max_length=200)] | None = Field(
        None, description="Where lines come from that name none."
    )
    show: Literal["all", "abnormal", "none"] = Field("all", description="Which lines the answer has.")


class ModelRequest(_Request):
    """The model that shall answer from now on."""

    model: Annotated[str, Field(max_length=500, examples=["models:/rationanomaly@champion"])]


class Model(BaseModel):
    """Whose verdicts they are."""

    name: str
    number: str | None = Field(description="Version of the registered model; null for a folder.")
    digest: str
    prompt: str

    @classmethod
    def of(cls, version: ModelVersion) -> Model:
        """What an answer says of the model."""
        return cls(name=version.name, number=version.number, digest=version.digest, prompt=version.prompt)


class TemplateAnswer(BaseModel):
    """A verdict, as a row of `rationanomaly detect --templates`; ``pending`` has only the template."""

    template: str
    answer: Literal["normal", "abnormal", "invalid", "pending"]
    score: float | None = None
    direct_score: float | None = None
    stated: str | None = None
    consistent: bool | None = None
    rationale: str | None = None
    evidence: list[dict[str, Any]] = []
    suspicious: bool | None = None
    suspicions: list[str] = []
    unseen: int | None = None
    source: Literal["model", "precedent"] | None = None
    precedent: dict[str, Any] | None = None

    @classmethod
    def of(cls, template: str, verdict: Verdict | None) -> TemplateAnswer:
        """The row of a verdict that has come, or has not."""
        if verdict is None:
            return cls(template=template, answer="pending")
        return cls.model_construct(**(verdict.as_row() | {"template": template}))


class SimilarRow(BaseModel):
    """A known template that is similar to the one in question."""

    similarity: float
    verdict: TemplateAnswer


class VerdictsAnswer(BaseModel):
    """Verdicts in the order of the templates."""

    model: Model
    verdicts: list[TemplateAnswer]


class ExplainAnswer(BaseModel):
    """What is known of a line."""

    model: Model
    known: bool = Field(description="Whether the template is one that logs have shown before.")
    verdict: TemplateAnswer
    similar: list[SimilarRow]


class SimilarAnswer(BaseModel):
    """Known templates, most similar first."""

    model: Model
    similar: list[SimilarRow]


class LinesAnswer(BaseModel):
    """What became of the lines; they are stored."""

    model: Model
    accepted: int = Field(description="Lines that were read.")
    lines: list[dict[str, Any]] = Field(description="One row per record.")
    alerts: list[dict[str, Any]]


class IncidentsAnswer(BaseModel):
    """Incidents, newest change first."""

    incidents: list[dict[str, Any]]


class ErrorRow(BaseModel):
    """What is wrong."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """An answer that is no success."""

    error: ErrorRow


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that are no success, for the description of a route."""
    return {status: {"model": ErrorAnswer} for status in statuses}


#: Of what reads a request.
USUAL_ERRORS = error_answers(400, 401, 403, 408, 413, 415, 422, 429, 503)
