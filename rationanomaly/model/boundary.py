"""The boundary that every load of a foreign model, tokenizer or adapter goes through, and what lies beside them.

Inside it lies a private copy of the files, of which no other can be loaded; whatever a library raises is one line that
names the file.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.errors import ArtifactError, InputError, RationAnomalyError, one_line
from rationanomaly.model.private_copy import PrivateCopy, private_copy
from rationanomaly.model.safety import check_safe

#: Faults of the machine, which no other file would cure.
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS)
_LONGEST = 160
Check = Callable[[PrivateCopy], None]


@contextmanager
def inside(
    folder: Path, what: str, is_loaded: Callable[[str], bool], check: Check | None = None, whole: bool = True
) -> Iterator[Path]:
    """A private copy of a folder to load from; it is gone behind the block.

    Args:
        folder: the files of a base, a tokenizer or an adapter.
        what: the files hold, as messages say it.
        is_loaded: whether a file of this relative path is to be in the copy; others can't be loaded.
        check: compares the hashes of the copy with those that are expected.
        whole: the files that can't be loaded are hashed for it, too.

    Raises:
        ArtifactError: a link, a device, pickled weights, code; other hashes than expected; what the block raises.
        InfrastructureError: no room for the copy.
    """
    with private_copy(folder, is_loaded, whole) as copy:
        if check is not None:
            check(copy)
        with _one_line(copy, what):
            check_safe(copy.place)
            yield copy.place


@contextmanager
def some(folder: Path, files: Mapping[str, str], *names: str) -> Iterator[Path]:
    """A private copy of some files of a verified folder, as far as they are there; it is gone behind the block.

    Args:
        folder: the folder.
        files: SHA-256 by relative path, as its manifest was when it was verified.
        names: of the files, relative to the folder.

    Raises:
        ArtifactError: they have changed since they were verified; or the block can't read them.
    """
    expected = {name: files[name] for name in names if name in files}
    with inside(folder, names[0], names.__contains__, lambda copy: copy.check(expected), whole=False) as place:
        yield place


@contextmanager
def _one_line(copy: PrivateCopy, what: str) -> Iterator[None]:
    try:
        yield
    except RationAnomalyError as error:
        if error.file is None:
            raise
        file = copy.original(error.file)
        kind = ArtifactError if isinstance(error, InputError) else type(error)
        raise kind(error.problem, file=file, line=error.line, hint=error.hint) from error
    except BaseException as error:
        if not _is_of_the_files(error):
            raise
        raise _translated(error, copy, what) from error


def _is_of_the_files(error: BaseException) -> bool:
    """Whether the files are at fault, rather than the machine or whoever stopped the program."""
    if isinstance(error, OSError):
        return error.errno not in _OF_THE_MACHINE
    if type(error).__name__ == "OutOfMemoryError":  # Of the GPU.
        return False
    # What a library in Rust raises where it gives up is no Exception.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _translated(error: BaseException, copy: PrivateCopy, what: str) -> ArtifactError:
    text = one_line(str(error)).replace(str(copy.place), str(copy.origin))
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if len(reason) > _LONGEST:
        reason = f"{reason[:_LONGEST]} ..."
    named = next((name for name in sorted(copy.hashes, key=len, reverse=True) if name in text), None)
    file = copy.origin if named is None else copy.origin / named
    hint = "Take the files from where they come from, or make the model folder anew"
    return ArtifactError(f"holds no {what} that can be loaded ({reason.rstrip('.')})", file=file, hint=hint)
