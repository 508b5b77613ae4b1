"""The loop that the product is for: a fault that nobody has seen, an alert, a decision that holds at once, a retrained
version, promoted, and served by the same process."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from rationanomaly.params import Params, dump, load_params
from rationanomaly.records import PRECEDENTS, Precedent, read_rows
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import promote
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME, STEPS

pytestmark = pytest.mark.slow

#: As a source of a kind that no catalogue holds would log it; ``{time}`` is behind the log's last line.
FAULT = "- {time} nid{node:05d} plasma ERROR containment of ring {ring} breached"
_SECONDS = 120.0
#: Lines of one request.
_TOGETHER = 400


@dataclass
class Serving:
    """A running `rationanomaly serve`: its client, its process, and the link of its reviewer."""

    client: httpx.Client
    process: subprocess.Popen[str]
    link: str

    def send(self, *lines: str) -> dict[str, Any]:
        """Send lines of one stream; what became of them."""
        body = {"lines": lines, "stream": "cluster", "format": "simulated"}
        answer = self.client.post("/v1/lines", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def verdict(self, template: str) -> dict[str, Any]:
        """The answer on one template, waited for."""
        answer = self.client.post("/v1/verdicts", json={"templates": [template], "wait_seconds": 30})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@contextmanager
def serving(params: Params, folder: Path, ledger: Path) -> Iterator[Serving]:
    """The command itself, with the registry's champion, looking at it every half second."""
    (folder / "params.yaml").write_text(dump(params), encoding="utf-8")
    program, model = Path(sys.executable).with_name("rationanomaly"), f"models:/{params.register_.name}@champion"
    command = [
        str(program), "serve", "--model", model,
        "--state", str(folder / "stream"), "--ledger", str(ledger), "--reviewer", "ada", "--port", "0",
        "--params", str(folder / "params.yaml"), "--verdict", "direct", "--set", "watch.serve.registry_seconds=0.5",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            assert process.stderr is not None
            said = ""
            while "/docs" not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
            link = re.search(r"http://\S+/incidents/enter\?once=[\w-]+", said)
            assert link is not None, said
            address = link[0].partition("/incidents")[0]
            with httpx.Client(base_url=address, timeout=_SECONDS, follow_redirects=True) as client:
                yield Serving(client, process, link[0])
        finally:
            process.terminate()
            process.communicate(timeout=_SECONDS)


def retrain(params: Params, outputs: Path) -> None:
    """Every step, one after the other, as `python -m pipelines run` has them."""
    folders = {name: outputs / name for name in BY_NAME}
    for step in STEPS:
        execute(step, params, {name: folders[name] for name in step.reads}, folders[step.name], outputs / "state")


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Ask again and again, as long as the process lives; the test's own time limit ends it."""
    while not holds():
        assert process.poll() is None
        time.sleep(0.05)


def test_a_new_fault_is_alerted_decided_cited_learnt_promoted_and_served(
    micro: Params, direct_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    ledger = tmp_path / "decisions.jsonl"
    ledger.write_bytes(Path(str(micro.data.ledger)).read_bytes())
    name = micro.register_.name
    policy = Policy(minimum={"format/rate": 0.0}, not_worse={})

    # ---- a version in service
    inputs = {key: direct_run / key for key in BY_NAME["register"].reads}
    execute(BY_NAME["register"], micro, inputs, tmp_path / "register", tmp_path / "state")
    assert promote(f"models:/{name}@{micro.register_.alias}", "champion", policy).version == "1"

    with serving(micro, tmp_path, ledger) as service:
        # ---- known lines, then a fault that nobody has seen
        log = Path(str(micro.data.logs)).read_text(encoding="utf-8").splitlines()
        for start in range(0, len(log), _TOGETHER):
            service.send(*log[start : start + _TOGETHER])
        last = datetime.fromisoformat(log[-1].split(" ")[1])
        times = [(last + timedelta(seconds=number + 1)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for number in range(12)]
        faults = [FAULT.format(time=time, node=node, ring=100 + node) for node, time in enumerate(times)]
        found = service.send(*faults[:3])
        (new,) = [one for one in found["alerts"] if one["kind"] == "new_template"]
        assert "containment of ring" in new["template"]
        assert new["lines"][0]["message"] == "containment of ring 100 breached"

        # ---- reviewed from the alert, on its page
        page = service.client.get(service.link)
        assert page.status_code == 200
        incidents = service.client.get("/v1/incidents").json()["incidents"]
        (incident,) = [one for one in incidents if any(a["subject"] == new["subject"] for a in one["alerts"])]
        mark_new_template(service, incident["id"])
        assert "containment of ring" in ledger.read_text(encoding="utf-8")

        # ---- its next line has the precedent's verdict, cited
        (line,) = service.send(faults[3])["lines"]
        assert line["answer"] == "abnormal"
        before = service.verdict(new["template"])
        assert before["verdicts"][0]["source"] == "precedent"
        assert before["verdicts"][0]["precedent"]["decided_by"] == ["ada"]
        assert before["model"]["number"] == "1"

        # ---- retrained with what was seen and decided, and held against the version in service
        (tmp_path / "with-fault.log").write_text("\n".join([*log, *faults]) + "\n")
        (tmp_path / "truth.csv").write_bytes(
            Path(str(micro.data.truth)).read_bytes()
            + b"".join(b"%d,abnormal\n" % (len(log) + 1 + n) for n in range(len(faults)))
        )
        (tmp_path / "again.yaml").write_text(dump(micro), encoding="utf-8")
        again = load_params(
            tmp_path / "again.yaml",
            [f"data.logs={tmp_path / 'with-fault.log'}", f"data.truth={tmp_path / 'truth.csv'}",
             f"data.ledger={ledger}", f"evaluate.champion=models:/{name}@champion"],
        )  # fmt: skip
        retrain(again, tmp_path / "outputs")
        learnt = read_rows(tmp_path / "outputs" / "correct" / PRECEDENTS, Precedent)
        assert [one.label for one in learnt if "containment of ring" in one.template] == ["abnormal"]

        # ---- promoted, and served without a restart
        done = promote(f"models:/{name}@{again.register_.alias}", "champion", policy)
        assert (done.version, done.previous) == ("2", "1")
        wait_until(lambda: service.verdict(new["template"])["model"]["number"] == "2", service.process)
        after = service.send(faults[4])
        assert after["model"]["number"] == "2"
        assert after["lines"][0]["answer"] == "abnormal"
        assert service.process.poll() is None


def mark_new_template(service: Serving, incident: str) -> None:
    """Say on the incident's page that the new template is right to alert: with the page's own form."""
    page = service.client.get(f"/incidents/{incident}").text
    form = re.search(rf'<form[^>]*action="(/incidents/{incident}/mark)".*?</form>', page, re.DOTALL)
    assert form is not None, page
    fields = dict(re.findall(r'name="(\w+)"[^>]*value="([^"]*)"', form[0]))
    sent = {key: fields[key] for key in ("key", "alert") if key in fields} | {"choice": "right"}
    origin = {"Origin": str(service.client.base_url).rstrip("/")}
    answer = service.client.post(form[1], data=sent, headers=origin)
    assert answer.status_code == 200
    assert "NOT STORED" not in answer.text
