"""Errors that no retry fixes: a pod that is started again after one ends at once, with the error of the first try.

A Kubeflow Pipelines server hands Argo a number of retries and the pauses between them, no condition on the error. So
the pod that meets such an error leaves a mark on the state volume, and the next try reads it before anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rationanomaly import artifacts, errors
from rationanomaly.errors import RationAnomalyError

#: Number of the try, from 0; KFP 2.17's servers set it in the pods of tasks with retries, older ones do not.
TRY = "KFP_RETRY_INDEX"
_FOLDER = "failed"


@contextmanager
def remembered(state: Path, *task: str) -> Iterator[None]:
    """Do the work of a task inside the block, unless an earlier try of it has met an error that will come again.

    Where the server does not number its tries nothing is remembered, and the work is done each time.

    Args:
        state: root of what survives a pod.
        task: what tells it from others: its name, params and inputs.

    Raises:
        RationAnomalyError: that of the earlier try.
    """
    number = os.environ.get(TRY, "")
    if not number.isdecimal():
        yield
        return
    mark = state / _FOLDER / f"{hashlib.sha256(json.dumps(task).encode()).hexdigest()}.json"
    if int(number) > 0 and mark.is_file():
        raise errors.from_document(json.loads(mark.read_bytes()))
    mark.unlink(missing_ok=True)  # A person who retries the run has fixed something.
    try:
        yield
    except RationAnomalyError as error:
        if not error.retry_helps:
            artifacts.write_json(mark, error.document())
        raise
