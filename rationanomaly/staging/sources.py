"""Where a pod finds each raw input, known when a pipeline is compiled; what no pod can see is refused."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from rationanomaly.errors import ParamsError
from rationanomaly.params import Params
from rationanomaly.params.cluster import DataSource
from rationanomaly.steps import STEPS, step_values

#: Where pods mount `cluster.state_claim`, and below it what was fetched.
STATE, FETCHED = PurePosixPath("/state"), "data"
#: Where pods mount the claims of `cluster.data`, each under its name.
CLAIMS = PurePosixPath("/data")
#: What every image holds, seen from its working folder.
_IN_IMAGE = ("data/none.csv", "data/none.jsonl")
#: Params that name a file or nothing. Others of `Step.paths` may be an id of the hub or an address of the registry.
_FILES = ("parse.continue_from", "parse.named_templates", "parse.sessions.labels")
#: In full, SHA-1 or SHA-256: an abbreviated one may come to name another.
_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
NAMES = tuple(sorted({source for step in STEPS for source in step.sources}))


def pod_params(params: Params) -> Params:
    """The params with the raw inputs where pods find them.

    Raises:
        ParamsError: a raw input lies where no pod can see it.
    """
    _refuse_unseen(params)
    paths = {name: _pod_path(name, params) for name in NAMES}
    data = params.data.model_copy(update={name: Path(str(path)) for name, path in paths.items()})
    return params.model_copy(update={"data": data})


def _pod_path(name: str, params: Params) -> PurePosixPath:
    source = params.cluster.data.get(name)
    if source is not None:
        return staged_path(source)
    return PurePosixPath(params.data.source(name).as_posix())


def _is_seen(path: PurePosixPath, params: Params) -> bool:
    """Whether it lies on a volume that pods mount."""
    volumes = [STATE, *(CLAIMS / claim for claim in claims(params))]
    return path.is_absolute() and ".." not in path.parts and any(path.is_relative_to(volume) for volume in volumes)


def _is_input_seen(name: str, path: PurePosixPath, params: Params) -> bool:
    # The made-up cluster is for trying out: preflight says where its log has to go.
    is_excused = name in params.cluster.data or params.data.format == "simulated"
    return is_excused or path.as_posix() in _IN_IMAGE or _is_seen(path, params)


def _refuse_unseen(params: Params) -> None:
    """Check all raw inputs at once, then the files that nothing fetches, such as labels of sessions."""
    unseen = {name: path for name in NAMES if not _is_input_seen(name, path := _pod_path(name, params), params)}
    if unseen:
        problem = ", ".join(f"`data.{name}` is {path}" for name, path in unseen.items())
        hint = f"Name its source, as --set cluster.data.{next(iter(unseen))}.uri=https://…, or a path below {STATE}"
        raise ParamsError(f"{problem}, which no pod can see", hint=hint)
    for step in STEPS:
        for name, value in step_values(params, step.paths).items():
            if name in _FILES and value and not _is_seen(PurePosixPath(value), params):
                problem = f"`{name}` is {value}, which no pod can see"
                raise ParamsError(problem, hint=f"Copy it to the state volume, and name its path below {STATE}")


def staged_path(source: DataSource) -> PurePosixPath:
    """Where a source's content lies in a pod: known before it is fetched."""
    if source.claim is not None:
        return CLAIMS / source.claim / str(source.path)
    return STATE / FETCHED / (pinned(source) or f"unpinned-{_digest_of(source)}") / _file_name(source)


def pinned(source: DataSource) -> str | None:
    """What tells the content, before it is fetched: its digest, a version of an object, or a commit with a path.

    None: the content may be another tomorrow.
    """
    if source.sha256 is not None:
        return source.sha256
    if source.dvc is not None and _COMMIT.fullmatch(source.dvc.rev):
        return f"dvc-{_digest_of(source)}"
    # Where a bucket keeps no versions, "null" names whatever is there.
    if str(source.uri).startswith("s3://") and place(str(source.uri))[2] not in (None, "null"):
        return f"s3-{_digest_of(source)}"
    return None


def _digest_of(source: DataSource) -> str:
    """Of what names the source. A commit is the same one in each copy of its repository."""
    dvc = source.dvc
    names = [str(source.uri)] if dvc is None else [dvc.rev, dvc.path]
    if dvc is not None and not _COMMIT.fullmatch(dvc.rev):
        names.append(dvc.repo)
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def place(uri: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of s3://BUCKET/KEY[?versionId=ID]."""
    path, _, query = uri.removeprefix("s3://").partition("?")
    bucket, _, key = path.partition("/")
    return bucket, key, query.removeprefix("versionId=") or None


def _file_name(source: DataSource) -> str:
    """The last part of the address or path, as far as it is a plain file name."""
    name = PurePosixPath(source.dvc.path if source.dvc is not None else urlsplit(str(source.uri)).path).name
    kept = "".join(letter for letter in name if letter.isascii() and (letter.isalnum() or letter in "._-"))
    return kept.lstrip(".-") or "input"


def claims(params: Params) -> tuple[str, ...]:
    """The claims that pods mount for raw inputs, sorted."""
    return tuple(sorted({source.claim for source in params.cluster.data.values() if source.claim is not None}))


def to_fetch(params: Params) -> dict[str, DataSource]:
    """The raw inputs that a task has to fetch, or on a claim to verify, before the first step; by name."""
    sources = sorted(params.cluster.data.items())
    return {name: source for name, source in sources if source.claim is None or source.sha256 is not None}
