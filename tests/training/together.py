"""A run of SFT that waits, in the middle of its training, until another has come as far: both train at once.

python -m tests.training.together PLAN
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import progress
from rationanomaly.params import Params
from rationanomaly.progress import Event
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME

#: Until a run whose partner never comes fails.
_SECONDS = 600.0


@dataclass(frozen=True)
class Plan:
    """One of the runs.

    Attributes:
        params: all of them.
        inputs: of `sft`, with manifests.
        state: the folder that the runs share.
        output: its own; a log lies beside it.
        meet_at: step at which it waits.
        partner: output of the other run; None: it waits for nobody.
    """

    params: Params
    inputs: dict[str, Path]
    state: Path
    output: Path
    meet_at: int
    partner: Path | None

    @property
    def log(self) -> Path:
        return self.output.with_suffix(".log")

    def start(self) -> subprocess.Popen[bytes]:
        """In a process of its own, by ``sys.executable``."""
        path = self.output.with_suffix(".plan")
        path.write_bytes(pickle.dumps(self))
        return subprocess.Popen([sys.executable, "-m", __name__, str(path)])

    def train(self) -> None:
        """In this process."""
        with progress.listening(self._meet):
            execute(BY_NAME["sft"], self.params, self.inputs, self.output, self.state, recorded=False)

    def _meet(self, event: Event) -> None:
        if self.partner is None or event.task != "SFT" or event.done != self.meet_at:
            return
        self.output.with_suffix(".here").touch()
        deadline = time.monotonic() + _SECONDS
        while not self.partner.with_suffix(".here").exists():
            assert time.monotonic() < deadline, "the partner has not come"
            time.sleep(0.01)


if __name__ == "__main__":
    plan: Plan = pickle.loads(Path(sys.argv[1]).read_bytes())
    logging.basicConfig(filename=plan.log, level=logging.INFO)
    plan.train()
