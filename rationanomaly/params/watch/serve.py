"""Params section `watch.serve`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rationanomaly.params.section import Section
from rationanomaly.params.values import Positive, Rate, VariableName, Weight

#: As a browser or a client sends it in the header ``Host``, without the port.
HostName = Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]+\])$")]


class ServeParams(Section):
    """The service.

    Attributes:
        keys: NAME of the environment variable that holds the API keys; null: nobody needs one, on loopback alone.
        hosts: host names under which it is reached, beside loopback and its own address; `*`: any.
        max_body_bytes: of a request, decompressed.
        body_seconds: that a client may take to send a request.
        max_record_bytes: of an OpenTelemetry log record's text; a longer one is rejected alone.
        max_waiting_bytes: of all requests together that wait to be read.
        max_requests: at the same time; health checks and metrics are not counted.
        requests_per_second: of one API key, on average; of one address where there are no keys.
        request_burst: that one API key may send at once.
        answer_seconds: longest time that a request waits for its turn.
        max_templates: of one request.
        max_wait_seconds: longest time that a request may ask to wait for verdicts.
        max_waiting_requests: that wait for verdicts at the same time; others get at once what is known.
        max_streams: names of streams that clients may make.
        registry_seconds: between two looks at the alias that the model was named by; 0: never.
        metrics_need_key: whether `/metrics` asks for an API key.
    """

    keys: VariableName | None
    hosts: list[HostName]
    max_body_bytes: Positive
    body_seconds: Rate
    max_record_bytes: Positive
    max_waiting_bytes: Positive
    max_requests: Positive
    requests_per_second: Rate
    request_burst: Positive
    answer_seconds: Rate
    max_templates: Positive
    max_wait_seconds: Weight
    max_waiting_requests: Positive
    max_streams: Positive
    registry_seconds: Weight
    metrics_need_key: bool
