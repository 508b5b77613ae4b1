"""Finished output folders out of files that a test has made, and what an edit of one looks like."""

import shutil
from pathlib import Path

from rationanomaly import artifacts


def sealed(folder: Path, step: str) -> Path:
    """A finished output of a step, beside a folder of files, with these files."""
    output = folder.with_name(f"{folder.name}-{step}")
    with artifacts.writing(output, step) as place:
        shutil.copytree(folder, place, dirs_exist_ok=True)
    return output


def seal(folder: Path, step: str) -> None:
    """Make a folder of files a finished output of a step, where it lies."""
    output = sealed(folder, step)
    shutil.rmtree(folder)
    output.rename(folder)


def edit(file: Path) -> None:
    """Change a file as somebody would who has no idea of the manifest."""
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
