"""The model in service beside the final one: what it says of the same held-out templates, and what it had learnt.

A registered model is fetched for the time that it is asked. The run's key holds the digest that its address stands for
(`runs.execution`), champion.json that of the folder that was asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from rationanomaly import artifacts
from rationanomaly.artifacts import Manifest
from rationanomaly.decisions.precedents import read_precedents
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.judging_models import judge_with_detector
from rationanomaly.evaluate.predictions import SessionAnswers, SystemAnswers
from rationanomaly.evaluate.session_model import judge_with_session_model
from rationanomaly.evaluate.systems import CHAMPION, CHAMPION_SESSIONS
from rationanomaly.model import boundary
from rationanomaly.model.card import Card, read_card
from rationanomaly.params import EvaluateParams
from rationanomaly.records import PRECEDENTS
from rationanomaly.runs import model_registry
from rationanomaly.runs.model_registry import AbsentVersionError
from rationanomaly.session_models.chosen import FILES, read_session_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where the champion comes from, and whether it had learnt what is tested; champion.json.

    Attributes:
        address: as params name it.
        model: digest of its folder's manifest.
        stage: of which step the folder is.
        is_final: it is the evaluated model itself.
        refit: it was fitted on all labels of its data, those of a test side too.
        other_data: raw inputs, such as ``logs``, that it was not made from or made from others than the final model.
        tested: how many templates are tested.
        known: of these, how many its folder names as learnt: as decisions of experts, or as labels of its session
            model. A label that nobody decided may have been learnt without a trace.
    """

    address: str
    model: str
    stage: str
    is_final: bool
    refit: bool
    other_data: tuple[str, ...]
    tested: int
    known: int

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of a comparison with it has to know, in sentences."""
        found = []
        if self.is_final:
            found.append("The champion is the evaluated model itself.")
        if self.refit:
            found.append("The champion was fitted on all labels of its data, held-out ones too: it is favoured.")
        if self.known:
            of_tested = f"{self.known} of the {self.tested} tested templates"
            found.append(f"The champion had learnt the labels of {of_tested}: it is favoured.")
        if self.other_data:
            found.append(
                f"The champion was made from other data ({', '.join(self.other_data)}): what of the test stood in "
                "them, its folder tells of decisions of experts alone."
            )
        return tuple(found)

    @property
    def is_favoured(self) -> bool:
        """Whether it had learnt of the test, so that a comparison is too kind to it."""
        return self.refit or self.known > 0


@dataclass(frozen=True)
class Champion:
    """What the champion says.

    Attributes:
        origin: where it comes from.
        card: of its folder, with its thresholds.
        system: on templates.
        sessions: on whole sessions; None where its folder carries no session model.
    """

    origin: Origin
    card: Card
    system: SystemAnswers
    sessions: SessionAnswers | None


def judge_with_champion(settings: EvaluateParams, final: Path, held_out: HeldOut, threads: int) -> Champion | None:
    """Judge what is tested with the champion, by its own card; None where params name none, or an alias of nobody.

    Before the first promotion nobody has the alias. Nothing is lost by that: `promote` refuses a version that was not
    held against a champion that there is.

    Args:
        settings: names it.
        final: the final model's folder.
        held_out: what is tested.
        threads: of torch.

    Raises:
        InputError: no such folder or registered model.
        ArtifactError: it is no model folder that this version can ask, or it has learnt the validation templates,
            which are tested.
    """
    address = settings.champion
    if address is None:
        return None
    try:
        return _judge_at(address, settings, final, held_out, threads)
    except AbsentVersionError:
        if "@" not in address:
            raise
        logger.warning("no registered version is %s yet: the final model is held against none", address)
        return None


def _judge_at(address: str, settings: EvaluateParams, final: Path, held_out: HeldOut, threads: int) -> Champion:
    with _folder_at(address) as folder:
        try:
            manifest, card = artifacts.read(folder), read_card(folder)
            system = judge_with_detector(CHAMPION, folder, held_out, settings, threads)
            whole = judge_with_session_model(folder, held_out, system)
            known = _learnt(folder, manifest)
        except ArtifactError as error:
            hint = f"{error.hint}; or set evaluate.champion to null" if error.hint else "Set evaluate.champion to null"
            raise ArtifactError(f"the champion can't be asked: {error.problem}", file=address, hint=hint) from error
    origin = _origin(address, manifest, card, artifacts.read(final), held_out.tested, known)
    sessions = None if whole is None else replace(whole.answers, name=CHAMPION_SESSIONS)
    return Champion(origin, card, system, sessions)


@contextmanager
def _folder_at(address: str) -> Iterator[Path]:
    """The champion's folder; a registered model is fetched, and removed at the end."""
    if model_registry.is_address(address):
        with TemporaryDirectory(prefix="rationanomaly-") as temporary:
            yield model_registry.fetch_folder(address, Path(temporary))
        return
    folder = Path(address)
    if not folder.is_dir():
        hint = "Correct evaluate.champion: a model folder, models:/NAME@ALIAS, models:/NAME/VERSION, or null"
        raise InputError("no such model folder", file=folder, hint=hint)
    yield folder


def _learnt(folder: Path, manifest: Manifest) -> frozenset[str]:
    """Ids of the templates that a model folder names as learnt."""
    with boundary.some(folder, manifest.files, PRECEDENTS, *FILES) as place:
        session_model, decided = read_session_model(place), read_precedents(place)
    known = () if session_model is None else session_model.known
    return frozenset([*(one.template_id for one in decided.all), *known])


def _origin(
    address: str, manifest: Manifest, card: Card, final: Manifest, tested: pl.DataFrame, known: frozenset[str]
) -> Origin:
    names = sorted({*manifest.sources, *final.sources})
    return Origin(
        address,
        manifest.digest,
        card.stage,
        manifest.digest == final.digest,
        card.refit_of is not None,
        tuple(name for name in names if manifest.sources.get(name) != final.sources.get(name)),
        tested.height,
        sum(key in known for key in tested["template_id"]),
    )


def origin_document(origin: Origin) -> dict[str, object]:
    """champion.json: the fields of `Origin`, and what is to be said of them."""
    return asdict(origin) | {"remarks": list(origin.remarks), "is_favoured": origin.is_favoured}
