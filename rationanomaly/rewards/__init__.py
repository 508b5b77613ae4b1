"""Rewards for GRPO: pure, bounded terms (`terms`), composed by params (`composition`)."""

from rationanomaly.rewards.composition import Composition, RewardBreakdown

__all__ = ["Composition", "RewardBreakdown"]
