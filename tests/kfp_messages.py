"""The message types of a compiled pipeline, as one version of KFP knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

SCHEMAS = Path(__file__).parent / "pipeline" / "schemas"


@dataclass(frozen=True)
class Messages:
    """One version's types; each is strict: a field that it doesn't know is an error.

    Attributes:
        specification, deployment, platform: of a pipeline. pod: of what is said of a pod.
    """

    specification: type[Message]
    deployment: type[Message]
    platform: type[Message]
    pod: type[Message]

    def parse(self, specification: Mapping[str, Any], platform: Mapping[str, Any]) -> None:
        """Take a compiled pipeline.

        Raises:
            google.protobuf.json_format.ParseError: this version does not know all of it.
        """
        json_format.ParseDict(specification, self.specification())
        json_format.ParseDict(specification["deploymentSpec"], self.deployment())
        json_format.ParseDict(platform, self.platform())
        for executor in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
            json_format.ParseDict(executor, self.pod())


@cache
def messages(version: str) -> Messages:
    """The types of 2.16.0, the oldest that we work with, or of the installed one, `newest`."""
    if version == "newest":
        spec = pipeline_spec_pb2
        return Messages(
            spec.PipelineSpec, spec.PipelineDeploymentConfig, spec.PlatformSpec,
            kubernetes_executor_config_pb2.KubernetesExecutorConfig,
        )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString((SCHEMAS / f"kfp-{version}.binpb").read_bytes())
    for file in files.file:
        pool.Add(file)
    names = ("PipelineSpec", "PipelineDeploymentConfig", "PlatformSpec")
    found = [pool.FindMessageTypeByName(f"ml_pipelines.{name}") for name in names]
    found.append(pool.FindMessageTypeByName("kfp_kubernetes.KubernetesExecutorConfig"))
    return Messages(*(message_factory.GetMessageClass(one) for one in found))
