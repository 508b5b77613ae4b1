"""Raw inputs that DVC tracks: a real repository over HTTP, and a real remote."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.launch.secret_keys import secret_keys
from rationanomaly.params import Params
from rationanomaly.preflight.setting import Setting
from rationanomaly.preflight.storage import check_data
from rationanomaly.staging.fetching import stage
from rationanomaly.staging.sources import pod_params, staged_path
from tests.dvc_repository import LOG, PARTS, git, make_repository
from tests.git_server import git_server
from tests.unit.test_staging import params_of


@dataclass(frozen=True)
class Tracked:
    """A repository that is served.

    Attributes:
        address: of it.
        commit: of its content.
        remote: folder that DVC pushed to.
    """

    address: str
    commit: str
    remote: Path

    def params(self, path: str, rev: str | None = None, more: str = "") -> Params:
        """Params with a log of it."""
        dvc = f"{{repo: '{self.address}', rev: {rev or self.commit}, path: {path}}}"
        return params_of(f"cluster.data.logs={{dvc: {dvc}{more}}}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder of a repository with its remote, and the commit; no test changes it."""
    folder = tmp_path_factory.mktemp("tracked")
    return folder, make_repository(folder / "repository", str(folder / "remote"))


@pytest.fixture(scope="module")
def tracked(made: tuple[Path, str]) -> Iterator[Tracked]:
    folder, commit = made
    with git_server(folder) as address:
        yield Tracked(f"{address}/repository/.git", commit, folder / "remote")


@pytest.fixture(autouse=True)
def pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a pod: no home, caches of DVC nowhere but in scratch space, no complaint that the image has no Git."""
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", "/nowhere")


def staged(params: Params, tmp_path: Path) -> Path:
    stage(params, tmp_path / "state")
    assert not list((tmp_path / "tmp").iterdir())  # neither clone nor cache
    return tmp_path / "state" / staged_path(params.cluster.data["logs"]).relative_to("/state")


def test_a_file_at_a_commit_is_fetched_once(tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    params = tracked.params("app.log", more=f", sha256: {hashlib.sha256(LOG).hexdigest()}")
    assert staged(params, tmp_path).read_bytes() == LOG
    params = tracked.params("app.log")
    path = staged(params, tmp_path)
    assert path.read_bytes() == LOG
    assert pod_params(params).data.logs == Path(f"/state/data/{path.parent.name}/app.log")
    gone = Tracked("http://127.0.0.1:9/repository", tracked.commit, tracked.remote)
    assert staged(gone.params("app.log"), tmp_path) == path


def test_a_folder_is_fetched_as_a_whole(tracked: Tracked, tmp_path: Path) -> None:
    folder = staged(tracked.params("logs"), tmp_path)
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.log")} == PARTS


def test_files_that_have_come_are_not_fetched_again(
    tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = tracked.params("logs")
    part = tmp_path / "state" / staged_path(params.cluster.data["logs"]).relative_to("/state")
    part = part.with_name("logs.part")
    part.mkdir(parents=True)
    (part / "a.log").write_bytes(PARTS["a.log"])
    (part / "within").mkdir()
    (part / "within" / "b.log").write_bytes(PARTS["within/b.log"][:100])
    written = []
    monkeypatch.setattr("rationanomaly.progress.report", lambda _what, done, *_: written.append(done))
    assert (staged(params, tmp_path) / "within" / "b.log").read_bytes() == PARTS["within/b.log"]
    assert written == [280]  # what lacked of the second file, in one piece


def test_a_branch_is_fetched_anew_each_time(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = made
    shutil.copytree(folder / "repository", tmp_path / "repository")
    with git_server(tmp_path) as address:
        tracked = Tracked(f"{address}/repository/.git", "", folder / "remote")
        params = tracked.params("logs", rev="main")
        assert len(list(staged(params, tmp_path).rglob("*.log"))) == 2
        (tmp_path / "repository" / "plain.log").write_text("three\n")
        git(tmp_path / "repository", "rm", "--quiet", "logs.dvc")
        shutil.rmtree(tmp_path / "repository" / "logs")
        (tmp_path / "repository" / "logs").mkdir()
        (tmp_path / "repository" / "logs" / "c.log").write_text("three\n")
        git(tmp_path / "repository", "add", "--force", "logs")
        git(tmp_path / "repository", "commit", "--quiet", "--message", "Others")
        assert [path.name for path in staged(params, tmp_path).rglob("*.log")] == ["c.log"]


@pytest.mark.parametrize(
    ("path", "rev", "error"),
    [
        ("none.log", None, ParamsError),
        ("app.log", "a" * 40, InfrastructureError),
        ("app.log", "no-such-branch", InfrastructureError),
    ],
)
def test_what_is_not_there_is_said(
    path: str, rev: str | None, error: type[Exception], tracked: Tracked, tmp_path: Path
) -> None:
    with pytest.raises(error, match=r"cluster\.data\.logs"):
        staged(tracked.params(path, rev), tmp_path)
    assert not list((tmp_path / "state").rglob("*.log*"))


def test_a_damaged_remote_leaves_nothing(made: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = made
    md5 = hashlib.md5(LOG, usedforsecurity=False).hexdigest()
    shutil.copytree(folder / "remote", tmp_path / "remote")
    damaged = tmp_path / "remote" / "files" / "md5" / md5[:2] / md5[2:]
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * len(LOG))
    shutil.copytree(folder / "repository", tmp_path / "repository")
    config = tmp_path / "repository" / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(folder / "remote"), str(tmp_path / "remote")))
    git(tmp_path / "repository", "commit", "--quiet", "--all", "--message", "Elsewhere")
    with git_server(tmp_path) as address:
        tracked = Tracked(f"{address}/repository/.git", "", tmp_path / "remote")
        with pytest.raises(InputError, match="MD5"):
            staged(tracked.params("app.log", "main"), tmp_path)
        damaged.unlink()
        with pytest.raises(ParamsError, match="not pushed"):
            staged(tracked.params("app.log", "main"), tmp_path)
    assert not list((tmp_path / "state").rglob("app.log*"))


def test_what_is_too_large_is_refused_before_it_comes(
    tracked: Tracked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.staging.part.MEGABYTE", 100)
    with pytest.raises(InputError, match="larger than 4 MB"):  # no file of the two is
        staged(tracked.params("logs", more=", max_megabytes: 4"), tmp_path)
    assert not list((tmp_path / "state").rglob("*.log"))


def test_an_address_with_a_token_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPOSITORY", "http://user:canary@127.0.0.1:9/r.git")
    params = Tracked("env:REPOSITORY", "a" * 40, tmp_path).params("app.log")
    with pytest.raises(InfrastructureError) as caught:
        staged(params, tmp_path)
    (finding,) = [row for row in check_data(setting_of(params, tmp_path)) if "dvc" in row.problem]
    assert "canary" not in f"{caught.value} {finding}"


def test_the_address_with_a_token_goes_to_the_pods_that_ask_there() -> None:
    source = f"{{dvc: {{repo: 'env:REPOSITORY', rev: {'a' * 40}, path: app.log}}}}"
    params = params_of(f"cluster.data.logs={source}", "cluster.secret_keys=[REPOSITORY, AWS_SECRET_ACCESS_KEY]")
    for task in ("stage", "preflight"):
        assert secret_keys(params, task) == ["REPOSITORY", "AWS_SECRET_ACCESS_KEY"]
    assert not secret_keys(params, "parse")


def test_preflight_asks_for_the_repository(tracked: Tracked, tmp_path: Path) -> None:
    assert not list(check_data(setting_of(tracked.params("app.log"), tmp_path)))
    gone = Tracked("http://127.0.0.1:9/r.git", tracked.commit, tracked.remote)
    (finding,) = check_data(setting_of(gone.params("app.log"), tmp_path))
    assert finding.problem.startswith("cluster.data.logs.dvc.repo can't be reached")


def setting_of(params: Params, state: Path) -> Setting:
    return Setting(params, state, os.environ, True, "http://127.0.0.1:9", seconds=60)
