"""What a whole run has on a server: its deadline, how long it is kept, a volume of its own."""

from __future__ import annotations

from kfp import dsl

from rationanomaly.params import ClusterParams


def pipeline_config(cluster: ClusterParams) -> dsl.PipelineConfig:
    """What the params say of a run; nothing of what they leave open."""
    return dsl.PipelineConfig(
        workspace=None if cluster.workspace is None else dsl.WorkspaceConfig(cluster.workspace),
        ttl_seconds_after_finished=_seconds(cluster.keep_hours),
        active_deadline_seconds=_seconds(cluster.deadline_hours),
    )


def _seconds(hours: float | None) -> int | None:
    return None if hours is None else round(hours * 3600)
