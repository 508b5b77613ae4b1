"""What all tests in containers need."""

from __future__ import annotations

import pytest
from docker.client import DockerClient
from docker.errors import DockerException


@pytest.fixture(scope="session")
def docker() -> DockerClient:
    try:
        client = DockerClient.from_env()
        client.ping()
    except DockerException as error:
        pytest.fail(f"no Docker daemon; run this by `make test-containers` ({error})")
    return client
