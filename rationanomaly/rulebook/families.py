"""Families of faults: signs of one family have the same consequences in a part, and the same first checks."""

from __future__ import annotations

from typing import Literal, get_args

#: What a fault takes away: room or a limit; correct contents; an answer or a connection; permission; something that
#: is needed; a piece of work; or speed and reserves.
Family = Literal["capacity", "integrity", "availability", "access", "absence", "operation", "degradation"]

FAMILIES: tuple[Family, ...] = get_args(Family)
