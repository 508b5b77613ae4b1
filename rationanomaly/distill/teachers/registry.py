"""THE list of teachers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from rationanomaly.distill.teachers import Teacher
from rationanomaly.distill.teachers.builtin import open_builtin
from rationanomaly.distill.teachers.endpoint import open_endpoint
from rationanomaly.distill.teachers.imported import open_import
from rationanomaly.distill.teachers.local import open_local
from rationanomaly.params import Params
from rationanomaly.steps import Inputs

#: By the name that params use: opens a teacher, given all params, the step's inputs and its state folder.
TEACHERS: Mapping[str, Callable[[Params, Inputs, Path], AbstractContextManager[Teacher]]] = {
    "builtin": open_builtin,
    "openai": open_endpoint,
    "local": open_local,
    "import": open_import,
}
