"""What a model's process answers, and which model it was."""

from __future__ import annotations

from dataclasses import dataclass

from rationanomaly.detection.verdict import Verdict
from rationanomaly.params import VerdictKind


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """Whose verdicts they are: equal digests, prompts and kinds, equal verdicts.

    Attributes:
        digest: of the model folder's manifest.
        prompt: version of the prompt (`text.prompt.PROMPT_VERSION`); its settings are part of the digest.
        name: of the registered model, or of the folder.
        number: version of the registered model; None for a folder.
        verdict: kind of the final verdicts.
    """

    digest: str
    prompt: str
    name: str
    number: str | None = None
    verdict: VerdictKind = "reasoned"

    def __str__(self) -> str:
        """For people: ``rationanomaly/3``, or the folder's name with the beginning of its digest."""
        return f"{self.name}/{self.number}" if self.number is not None else f"{self.name}@{self.digest[:12]}"


@dataclass(frozen=True, slots=True)
class Answered:
    """A verdict that has come.

    Attributes:
        template_id, template: what was asked.
        verdict: the model's own; experts' decisions are laid over it by whoever shows it (`Verdict.under`), for they
            may change at any time.
        final: False: the direct verdict, the reasoned one follows; or none could be had (answer ``invalid``), and it is
            to be asked for again when the service is opened anew.
        version: which model said it.
    """

    template_id: str
    template: str
    verdict: Verdict
    final: bool
    version: ModelVersion
