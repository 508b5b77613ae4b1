"""Simulate: the log of a made-up supercomputer with known faults, alert tags (some wrong) and five reviewers."""

from rationanomaly.simulate.dataset import write

__all__ = ["write"]
