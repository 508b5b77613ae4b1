"""A Hugging Face model on this machine as a teacher: a hub id at a revision, or a folder with safetensors.

    rationanomaly distill --set distill.teacher=local --set distill.local.model=DIR

A model that has a chat template is asked as it wants; another one gets the messages as plain text. Answers go into the
journal like paid ones, for they take hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rationanomaly import progress
from rationanomaly.artifacts import sha256
from rationanomaly.distill.answer_form import in_asked_form
from rationanomaly.distill.budget import Tokens, worst_case
from rationanomaly.distill.journal import Journal, Kept, digest
from rationanomaly.distill.requests import Request, answer_of
from rationanomaly.distill.teacher_prompt import TeacherPrompt, load_teacher_prompt
from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.model import hub
from rationanomaly.model.chat_template import render_as_asked
from rationanomaly.model.reading import load_model, load_tokenizer_as_saved
from rationanomaly.params import DistillParams, Params
from rationanomaly.steps import Inputs
from rationanomaly.text.secrets import Secrets


def campaign_of(params: Params, prompt: TeacherPrompt) -> str:
    """Digest of what changes the answers: the content of the model's folder (a hub id has a revision), the prompt."""
    settings, local = params.distill, params.distill.local
    folder = Path(local.model)
    model = sha256(folder) if folder.is_dir() else f"{local.model}@{local.revision}"
    return digest("local", model, settings.output_tokens, settings.temperature, prompt.digest)


@contextmanager
def open_local(params: Params, _: Inputs, state: Path) -> Iterator[Teacher]:
    """The local model that params name, with the journal in the state folder."""
    prompt = load_teacher_prompt(params)
    with Journal(state, campaign_of(params, prompt), Secrets()) as journal:
        yield LocalTeacher(params.distill, prompt, journal)


class LocalTeacher:
    """Generates in batches on the best device there is. The model is loaded when the first answer is missing."""

    def __init__(self, settings: DistillParams, prompt: TeacherPrompt, journal: Journal) -> None:
        self.name = f"local:{Path(settings.local.model).name}"
        self.prompt_version = prompt.version
        self._settings, self._prompt, self._journal = settings, prompt, journal
        self._loaded: tuple[Any, Any] | None = None
        self._parts = 0

    @property
    def bill(self) -> Bill:
        """See `Teacher`; a local model is free of charge."""
        return Bill(self._journal.calls, self._journal.spent)

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`.

        Raises:
            ArtifactError, ParamsError, InfrastructureError: see `hub.fetch`; or it is no language model.
        """
        requests = [Request.of(question, self._prompt, self._journal.campaign) for question in questions]
        missing = [request for request in requests if self._journal.answer(request.key) is None]
        self._parts += bool(missing)
        part = f", part {self._parts}" if self._parts > 1 else ""
        for done, batch in enumerate(_batches(missing, self._settings.local.batch)):
            self._generate(batch)
            progress.report(f"asking {self.name}{part}", done * self._settings.local.batch + len(batch), len(missing))
        fresh = {request.key for request in missing}
        found = ((request.key, answer_of(self._journal.answer(request.key))) for request in requests)
        return [replace(answer, fresh=key in fresh) for key, answer in found if answer is not None]

    def _generate(self, requests: Sequence[Request]) -> None:
        """Answer a batch and journal each answer with the tokens that it took."""
        import torch

        model, tokenizer = self._model()
        calls = [
            self._journal.sent(
                request.key, request.messages, worst_case(request.messages, self._settings.output_tokens)
            )
            for request in requests
        ]
        texts = [_as_text(tokenizer, request.messages) for request in requests]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        temperature = self._settings.temperature or 0.0
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        torch.manual_seed(requests[0].seed)
        with torch.inference_mode():
            output = model.generate(
                **inputs, **sampling, max_new_tokens=self._settings.output_tokens, pad_token_id=tokenizer.pad_token_id
            )
        for request, call, mask, row in zip(requests, calls, inputs["attention_mask"], output, strict=True):
            made = row[len(mask) :].tolist()
            stopped = tokenizer.eos_token_id in made
            made = made[: made.index(tokenizer.eos_token_id)] if stopped else made
            text = in_asked_form(tokenizer.decode(made, skip_special_tokens=True))
            kept = Kept(text, "stop" if stopped else "length")
            self._journal.settled(call, request.key, Tokens(int(mask.sum()), len(made)), "answer", kept)

    def _model(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch

            local = self._settings.local
            files = hub.fetch(local.model, local.revision, "distill.local.model")
            try:
                tokenizer = load_tokenizer_as_saved(files)
                tokenizer.padding_side = "left"
                model = load_model(files)
            except ArtifactError as error:
                hint = "Set distill.local.model to a folder with a causal language model, or to the hub id of one"
                raise InfrastructureError(
                    f"the teacher's model can't be loaded: {error.problem}", file=error.file, hint=hint
                ) from error
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            self._loaded = model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer
        return self._loaded


def _as_text(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    if tokenizer.chat_template:
        return render_as_asked(tokenizer, list(messages))
    return "\n\n".join(message["content"] for message in messages) + "\n"


def _batches(requests: Sequence[Request], size: int) -> Iterator[Sequence[Request]]:
    return (requests[start : start + size] for start in range(0, len(requests), size))
