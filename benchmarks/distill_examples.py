"""Two rationales of the built-in teacher for each fault domain, as Markdown; `docs/distill.md` holds its output.

python -m benchmarks.distill_examples
"""

from __future__ import annotations

from pathlib import Path

from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.params import load_params
from rationanomaly.records import Label, template_id
from rationanomaly.text import prompt

ROOT = Path(__file__).resolve().parents[1]

#: Made up for this page.
LOGS: dict[str, tuple[tuple[str, Label], tuple[str, Label]]] = {
    "memory": (
        ("uncorrectable ECC error on DIMM <*>, page <*> taken offline", "abnormal"),
        ("buffer cache holds <*> pages in <*> slabs", "normal"),
    ),
    "network": (
        ("torus link <*> lost its peer, packets dropped", "abnormal"),
        ("eth0: link is up at <*> Mbit, full duplex", "normal"),
    ),
    "storage": (
        ("write to inode <*> failed: no space on filesystem", "abnormal"),
        ("mounted volume <*> with journal", "normal"),
    ),
    "scheduler": (
        ("job <*> could not be dispatched: queue is stalled", "abnormal"),
        ("job <*> submitted to batch queue <*>", "normal"),
    ),
    "power": (
        ("voltage of power rail <*> is out of range", "abnormal"),
        ("ups battery at <*> volts, power supply on mains", "normal"),
    ),
    "cooling": (
        ("fan <*> failed, temperature is <*> degrees", "abnormal"),
        ("thermal sensor reads <*> degrees celsius", "normal"),
    ),
    "security": (
        ("authentication failure for user root from <*>", "abnormal"),
        ("sshd: session opened for user <*>", "normal"),
    ),
    "kernel": (
        ("kernel panic: oops in interrupt handler", "abnormal"),
        ("loading kernel module <*> for usb hub", "normal"),
    ),
    "processor": (
        ("machine check: parity error in instruction cache of core <*>", "abnormal"),
        ("floating point registers of cpu <*> saved", "normal"),
    ),
    "hardware": (
        ("node card <*> does not answer, chip id unknown", "abnormal"),
        ("adapter in slot <*> found, firmware <*>", "normal"),
    ),
    "software": (
        ("process <*> exited: segmentation fault, core dumped", "abnormal"),
        ("daemon <*> forked child process <*>", "normal"),
    ),
    "configuration": (
        ("invalid option <*> in configuration file, default used", "abnormal"),
        ("parameter <*> set to value <*>", "normal"),
    ),
    "database": (
        ("transaction rolled back: table <*> is corrupted", "abnormal"),
        ("query returned <*> rows from database <*>", "normal"),
    ),
    "time": (
        ("ntpd: clock drift of <*> seconds, no stratum reachable", "abnormal"),
        ("ntp: time synchronized to stratum <*>", "normal"),
    ),
    "service": (
        ("httpd: no response to client request, server is hung", "abnormal"),
        ("syslogd <*>: restart", "normal"),
    ),
    "monitoring": (
        ("heartbeat missing, alarm threshold exceeded on <*> counters", "abnormal"),
        ("health check: status of <*> counters is good", "normal"),
    ),
    "general": (
        ("gave up after <*> rounds", "abnormal"),
        ("<*> of <*> done", "normal"),
    ),
    "no words": (
        ("<*> 0x<*> 17", "abnormal"),
        ("0x1f 0x2f <*>", "normal"),
    ),
}


def examples() -> str:
    """The Markdown."""
    params = load_params(ROOT / "params.yaml")
    teacher, lines = BuiltinTeacher(params.run.seed), []
    for domain, logs in LOGS.items():
        lines += ["", f"**{domain}**", ""]
        for log, label in logs:
            question = Question(template_id(log), log, prompt.show(log, params.prompt), label)
            rationale = prompt.parse_response(teacher.answers([question])[0].text).rationale
            lines += [f"- `{log}`, {label}:", f"  {rationale}"]
    return "\n".join(lines[1:]) + "\n"


if __name__ == "__main__":
    print(examples(), end="")
