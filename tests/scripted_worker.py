"""A process that answers as `rationanomaly.detection.verdict_worker` does, without a model: templates say what it does.

A template may hold ``FAULT`` (abnormal), ``DIE`` (each time it is asked), ``DIE-ONCE=FILE`` (until the file exists),
``HOLD=FIFO`` (its analysis waits until somebody has opened the FIFO), ``HANG`` (its analysis never ends), ``FAIL``,
``BABBLE`` (what is no JSON) or ``MUTTER`` (JSON, but no answer).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from rationanomaly import artifacts
from rationanomaly.regular_files import listed

_writing = Lock()


def write(message: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def verdict(template: str, kind: str) -> dict[str, Any]:
    answer = "abnormal" if "FAULT" in template else "normal"
    score = 0.9 if answer == "abnormal" else 0.1
    text: dict[str, Any] = (
        {"stated": answer, "consistent": True, "rationale": f"It is {answer}."} if kind == "reasoned" else {}
    )
    nothing: dict[str, Any] = {"stated": None, "consistent": None, "rationale": None, "evidence": [], "grounded": False}
    nothing |= {"suspicions": [], "unseen": 0}
    return {"template": template, "answer": answer, "score": score, "direct_score": score, **nothing, **text}


def answer(kind: str, templates: list[str]) -> None:
    for template in templates:
        if "DIE-ONCE=" in template:
            file = Path(template.partition("DIE-ONCE=")[2].split()[0])
            if not file.exists():
                file.touch()
                os._exit(9)
        elif "DIE" in template:
            os._exit(9)
        if "HOLD=" in template and kind == "reasoned":
            Path(template.partition("HOLD=")[2].split()[0]).read_bytes()
        if "HANG" in template and kind == "reasoned":
            Event().wait()
        if "BABBLE" in template and kind == "reasoned":
            os.write(1, b"Loading checkpoint shards\n")
        if "MUTTER" in template and kind == "reasoned":
            os.write(1, b'{"kind": "reasoned"}\n')
    if any("FAIL" in template for template in templates):
        write({"kind": kind, "failed": "RuntimeError: no memory"})
        return
    write({"kind": kind, "verdicts": [verdict(template, kind) for template in templates]})


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    folder = Path(settings["model"])
    if not (folder / "digest").is_file():
        hint = "Name the output folder of sft or grpo"
        about = {"problem": "holds no manifest", "file": str(folder), "line": None, "hint": hint}
        write({"error": {"kind": "ArtifactError", **about}})
        return
    alive = folder.with_suffix(".alive")
    if alive.exists():  # A FIFO that is open for as long as the process lives.
        os.open(alive, os.O_WRONLY)
    digest = (folder / "digest").read_text()
    if digest == "dies":
        sys.stderr.write("OSError: the weights are larger than the memory\n\n")
        sys.stderr.flush()
        os._exit(9)
    files = {name: artifacts.sha256(path) for name, path in listed(folder).items()}
    ready: dict[str, Any] = {"files": files, "digest": digest}
    ready |= {"prompt": "3", "name": folder.name, "number": None, "folder": str(folder)}
    write({"ready": ready | {"verdict": settings["verdict"] or "reasoned", "device": "cpu"}})
    for line in sys.stdin:
        question = json.loads(line)
        Thread(target=answer, args=(question["kind"], question["templates"]), daemon=True).start()
    os._exit(0)


if __name__ == "__main__":
    main()
