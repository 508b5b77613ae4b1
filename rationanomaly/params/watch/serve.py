"""Params section `watch.serve`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Positive


class ServeParams(Section):
    """The service.

    Attributes:
        max_body_bytes: of a request, decompressed.
    """

    max_body_bytes: Positive
