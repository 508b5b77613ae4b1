"""A simulated day: quiet days of the made-up machine, then one with known episodes that a watch should find."""

from rationanomaly.simulate.day.dataset import DayLog, simulate_day, write
from rationanomaly.simulate.day.settings import EPISODE_KINDS, DaySettings, EpisodeKind

__all__ = ["EPISODE_KINDS", "DayLog", "DaySettings", "EpisodeKind", "simulate_day", "write"]
