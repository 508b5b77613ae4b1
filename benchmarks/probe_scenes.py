"""What the reward's probes start from: logs, their honest answers with either label, and hand-written ones."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rationanomaly.params import PromptParams
from rationanomaly.records import Label
from rationanomaly.rulebook.rationale import write_analysis
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.evidence import find_quotes
from rationanomaly.text.prompt import Shown, conclude, show, write_response

#: Made up in the manner of kernels, daemons and schedulers; faults and daily work, long and short, one without words.
LOGS = (
    "storaged: lost heartbeat of replica on shelf <*> after <*> ms, failing over to standby",
    "kernel: uncorrectable ECC error on DIMM <*> of memory controller <*>, page offlined",
    "sshd[<*>]: session opened for user <*> by uid <*>",
    "ntpd[<*>]: clock is synchronized to <*> at stratum <*>",
    "sched: job <*> of user <*> was queued and waits for <*> free nodes",
    "eth0: link is down, no carrier on the port for <*> seconds",
    "postgres[<*>]: checkpoint complete, <*> buffers were written in <*> s",
    "disk sdb: read failed at sector <*>, medium error, giving up after <*> retries",
    "fan <*> of chassis <*> runs at <*> rpm",
    "process <*> exited abnormally with a segmentation fault",
    "0x00ff <*> <*> 0x1c2d <*>",
)
LABELS: tuple[Label, Label] = ("normal", "abnormal")
#: Honest plain answers in words that are not the rulebook's, as an engineer might give them: analyses for the label
#: that the log deserves. Quotes are literal in the log as it is shown in either style.
HAND_WRITTEN: Mapping[str, tuple[Label, tuple[str, ...]]] = {
    LOGS[0]: (
        "abnormal",
        (
            'The storage daemon "lost heartbeat" of a "replica". The copy on that shelf does not answer any more, so '
            "data may have one copy less until the standby has caught up. Check the shelf and its cabling.",
            'A "replica" went silent: the log has "lost heartbeat" and says that it fails over. Writes go to the '
            "standby, which leaves no reserve. Somebody should look at the shelf before a second part goes.",
        ),
    ),
    LOGS[2]: (
        "normal",
        (
            'A login is reported: "session opened" for a "user". Such lines come with every connection to the host '
            "and nothing in this one tells of an attack. No action is needed.",
            'The SSH server says "session opened" for "user". Somebody logged in with valid rights, which is routine '
            "on a machine that people work on. It can be ignored.",
        ),
    ),
    LOGS[5]: (
        "abnormal",
        (
            'The network port has "no carrier" and the "link is down". Either the cable came loose or the switch at '
            "the other end is off, and the host may be cut off. Look at the cable and the switch port first.",
            'The words "link is down" and "no carrier" tell that the interface lost its signal. Jobs that talk over '
            "it will stall. An operator should check the cable, then the port of the switch.",
        ),
    ),
    LOGS[7]: (
        "abnormal",
        (
            'The disk gave up: "read failed" with "medium error". The sector could not be read in spite of retries, so '
            "the file that it belongs to may be damaged. Replace the drive after a look at its SMART values.",
            'A "medium error" is named, and "read failed" at a sector. The surface of the drive is worn there and '
            "more sectors may follow. Plan to swap the disk and check the backup.",
        ),
    ),
    LOGS[10]: (
        "normal",
        (
            "The log holds no words, only values. They may be registers or counters, and nothing in them says that "
            "anything failed. Nobody has to act on bare numbers.",
            "There is nothing to quote. The log holds no words, only values. Without text it can't be read as a "
            "complaint. An operator can leave it at that.",
        ),
    ),
}


@dataclass(frozen=True)
class Scene:
    """What a probe has at hand.

    Attributes:
        shown: the log, as the prompt shows it.
        stated: the label to state.
        honest: the rulebook's analysis that argues for it, without a conclusion.
        counter: the one that argues for the other label.
        foreign: the one that argues for the stated label of another log.
    """

    shown: Shown
    stated: Label
    honest: str
    counter: str
    foreign: str

    @property
    def other(self) -> Label:
        """The label that is not stated."""
        return "normal" if self.stated == "abnormal" else "abnormal"

    @property
    def opening(self) -> str:
        """The first sentence of the honest analysis, quotes included."""
        return split_opening(self.honest)[0]

    @property
    def sequel(self) -> str:
        """The sentences behind it."""
        return split_opening(self.honest)[1]

    @property
    def tail(self) -> tuple[str, str]:
        """The sequel in two: the sentences before the last, and the last."""
        first, others = split_opening(self.sequel)
        return (first, others) if others else ("", first)

    @property
    def quotes(self) -> list[str]:
        """The quotes of the honest analysis, in quotation marks."""
        return [f'"{quote}"' for quote in find_quotes(self.honest)]

    @property
    def log_words(self) -> list[str]:
        """What can be quoted of the log word by word."""
        return re.findall(r"[^\W_]+", self.shown.text) or [WILDCARD]

    def answer(self, analysis: str) -> str:
        """A completion of the right form with this analysis."""
        return write_response(conclude(analysis, self.stated), self.stated)

    def opened(self, behind: str) -> str:
        """A completion whose honest first sentence is followed by something else."""
        return self.answer(f"{self.opening} {behind}")

    def requoted(self, first: str, second: str) -> str:
        """The honest answer with other quotes."""
        return self.answer(f'The telling parts are "{first}" and "{second}". {self.sequel}')

    def with_middle(self, middle: str) -> str:
        """The honest answer with something else for its second sentence."""
        return self.opened(f"{middle} {self.tail[1]}")

    def with_last(self, last: str) -> str:
        """The honest answer with something else for its last sentence."""
        return self.opened(f"{self.tail[0]} {last}".strip())


def scenes(prompt: PromptParams, stated: Label, seed: int, logs: Sequence[str] = LOGS) -> list[Scene]:
    """A scene for each log."""
    shown = [show(log, prompt) for log in logs]

    def analysis(log: Shown, label: Label) -> str:
        return write_analysis(log, label, random.Random(f"{seed}|{log.text}"))

    other: Label = "normal" if stated == "abnormal" else "abnormal"
    return [
        Scene(log, stated, analysis(log, stated), analysis(log, other), analysis(shown[place - 1], stated))
        for place, log in enumerate(shown)
    ]


def split_opening(analysis: str) -> tuple[str, str]:
    """The first sentence and the others; a full stop within a quote ends none."""
    masked = re.sub(r'"[^"]*"', lambda quote: "q" * len(quote.group()), analysis)
    end = re.search(r"\.\s", masked)
    return (analysis, "") if end is None else (analysis[: end.start() + 1], analysis[end.end() :])
