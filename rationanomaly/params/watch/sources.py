"""Params section `watch.sources`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rationanomaly.params.section import Section
from rationanomaly.params.values import Address, Positive, Rate, VariableName

#: Of a source: the names of its streams begin with it.
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Start = Literal["oldest", "newest"]


class JournaldSettings(Section):
    """The journal of systemd, as `journalctl` reads it.

    Attributes:
        kind: journald.
        folder: of journal files, such as systemd-journal-remote's; null: this machine's journal.
        units: names or patterns of units; none: all.
        start: where to begin when nothing has been read yet.
    """

    kind: Literal["journald"]
    folder: Path | None = None
    units: list[str] = Field(default_factory=list)
    start: Start = "newest"


class KubernetesSettings(Section):
    """The logs of pods, over the API of Kubernetes.

    Attributes:
        kind: kubernetes.
        namespaces: names or patterns such as `team-*`.
        selector: of pods by their labels, as `kubectl --selector` takes it; empty: all.
        context: of the kubeconfig; null: the current one, or the service account of the pod.
        format: of the lines.
        start: where the log of a container begins that runs already.
        list_seconds: pause between two lists of the pods.
        max_streams: containers that are followed at once.
    """

    kind: Literal["kubernetes"]
    namespaces: Annotated[list[str], Field(min_length=1)]
    selector: str = ""
    context: str | None = None
    format: str = "auto"
    start: Start = "newest"
    list_seconds: Rate = 10.0
    max_streams: Positive = 200


class LokiSettings(Section):
    """The lines that a LogQL query selects in Grafana Loki.

    Attributes:
        kind: loki.
        url: of the server, without `/loki/api/v1`.
        query: such as `{namespace="shop"}`.
        tenant: for a server of several; empty: none.
        token: NAME of the environment variable of a bearer token; null: none.
        start: ISO 8601, the first time to read; null: from now on.
        format: of the lines.
        delay_seconds: lines younger than this wait for those that come late.
        poll_seconds: pause where nothing new has come.
    """

    kind: Literal["loki"]
    url: Address
    query: str
    tenant: Annotated[str, Field(pattern=r"^[\x21-\x7e]{0,150}$")] = ""
    token: VariableName | None = None
    start: str | None = None
    format: str = "auto"
    delay_seconds: Annotated[float, Field(ge=0, le=86400)] = 5.0
    poll_seconds: Rate = 1.0


class ElasticsearchSettings(Section):
    """The documents of an index of Elasticsearch or OpenSearch.

    Attributes:
        kind: elasticsearch.
        url: of the server.
        index: an index, an alias, a data stream or a pattern.
        time_field: of a document.
        start: ISO 8601, the first time to read; null: from now on.
        query: a further condition in Elasticsearch's query language; null: none.
        api_key: NAME of the environment variable of an API key; null: no login.
        delay_seconds: documents younger than this wait.
        poll_seconds: pause where nothing new has come.
    """

    kind: Literal["elasticsearch"]
    url: Address
    index: str
    time_field: str = "@timestamp"
    start: str | None = None
    query: dict[str, Any] | None = None
    api_key: VariableName | None = None
    delay_seconds: Annotated[float, Field(ge=0, le=86400)] = 5.0
    poll_seconds: Rate = 2.0


class KafkaSettings(Section):
    """The records of Kafka topics.

    Attributes:
        kind: kafka.
        servers: `host:port` of the first brokers to ask.
        topics: their names.
        start: where a partition begins of which nothing has been read yet.
        format: of the records.
        user: NAME of the environment variable of the user; null: no login.
        password: NAME of the environment variable of the password.
        protocol: how brokers are spoken to.
        mechanism: of the login.
        settings: further settings of librdkafka; no secrets.
    """

    kind: Literal["kafka"]
    servers: str
    topics: Annotated[list[str], Field(min_length=1)]
    start: Start = "newest"
    format: str = "auto"
    user: VariableName | None = None
    password: VariableName | None = None
    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    settings: dict[str, str] = Field(default_factory=dict)


AnySource = Annotated[
    JournaldSettings | KubernetesSettings | LokiSettings | ElasticsearchSettings | KafkaSettings,
    Field(discriminator="kind"),
]


class SourceParams(Section):
    """Where lines come from, beside files.

    Attributes:
        of: name → what is read and how; docs/sources.md has an example of each kind.
        retry_seconds: longest pause between two attempts to connect.
        waiting: chunks that wait to be taken; what comes faster waits in its source.
    """

    of: dict[SourceName, AnySource]
    retry_seconds: Rate
    waiting: Positive
