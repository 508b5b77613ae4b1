"""The image holds the code that the pipeline was compiled with, and the packages that the steps need."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import Setting
from rationanomaly.runs import code_identity

_PACKAGE = "rationanomaly"
#: Extras that the steps need; others by params.
_EXTRAS = ("pipeline", "training")


def check_versions(setting: Setting) -> Iterator[Finding]:
    """The code is that of the compilation; each package is there, in a version that was tried."""
    yield from _check_code(setting.compiled)
    extras = list(_EXTRAS) + (["gpu"] if setting.params.training.quantisation == "nf4" and setting.gpus else [])
    try:
        requirements = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield warning(
            "the package rationanomaly is not installed, so its requirements aren't known", "Install it with pip"
        )
        return
    for text in requirements:
        yield from check_requirement(text, extras)


def _check_code(compiled: str) -> Iterator[Finding]:
    if not compiled:
        return
    expected = json.loads(compiled).get("code")
    found = code_identity.whole()
    if expected != found:
        commit = os.environ.get("RATIONANOMALY_GIT_COMMIT", "unknown")
        problem = f"the image holds other code ({found[:12]}, commit {commit}) than the pipeline was compiled with"
        problem += f" ({str(expected)[:12]})"
        hint = "Build and push the image anew and name it in cluster.image and gpu_image, or compile from its commit"
        yield Finding(problem, hint)


def check_requirement(text: str, extras: list[str]) -> Iterator[Finding]:
    """What is wrong with one line of a package's requirements; nothing where it is of no extra that is needed."""
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        return
    if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
        return
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        yield Finding(
            f"the package {wanted.name} is not installed", f"Run `pip install '{wanted.name}{wanted.specifier}'`"
        )
        return
    if not wanted.specifier.contains(version, prereleases=True):
        problem = f"{wanted.name} is {version}, and {wanted.specifier} is needed"
        yield Finding(problem, "Build the image from constraints.txt")
