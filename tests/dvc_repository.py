"""A Git repository in which DVC tracks a log and a folder of logs, pushed to a remote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from unittest import mock

from dvc.repo import Repo

LOG = b"2005-06-03 node 1 is up\n" * 2000
#: Files of the folder `logs`.
PARTS = {"a.log": b"one\n" * 50, "within/b.log": b"two\n" * 70}


def make_repository(folder: Path, remote: str) -> str:
    """Make it in ``folder``, push its content to the remote, and give the commit."""
    folder.mkdir()
    with mock.patch.dict(os.environ, {"DVC_SITE_CACHE_DIR": f"{folder}-caches", "DVC_NO_ANALYTICS": "1"}):
        git(folder, "init", "--quiet", "--initial-branch=main")
        for path, content in {"app.log": LOG, **{f"logs/{name}": content for name, content in PARTS.items()}}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        with Repo.init(str(folder)) as repo, repo.config.edit("repo") as config:
            config |= {"remote": {"store": {"url": remote}}, "core": {"remote": "store"}}
        with Repo(str(folder)) as repo:
            repo.add([str(folder / "app.log"), str(folder / "logs")])
            repo.push()
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "Logs")
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """What Git says to a command in ``folder``."""
    identity = ["-c", "user.name=a test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout
