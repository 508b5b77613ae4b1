"""The three servers with little behind them; in a process of its own: python -m tests.page_servers NAME FOLDER.

The first line that it writes is its port. It can open as many files as a process of most systems, 1,024.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from starlette.types import ASGIApp

from rationanomaly import records
from rationanomaly.incidents.launch import build_app as build_incidents
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app as build_review
from rationanomaly.review.connections import build_server
from rationanomaly.review.context import TemplateContext
from rationanomaly.review.desk import Desk, Member
from rationanomaly.review.host_names import host_names
from rationanomaly.review.listening import listen
from rationanomaly.serve.app import build_app as build_serve
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.launch import running
from rationanomaly.stream.engine import Engine
from tests.stream_double import DoubleEngine
from tests.template_table import template_table

#: Paths that everybody may ask for, by server.
SERVERS = {"review": "/static/icon.svg", "incidents": "/incidents/static/icon.svg", "serve": "/healthz"}
FILES = 1024


@contextmanager
def building(name: str, folder: Path) -> Iterator[ASGIApp]:
    """The application of a server."""
    names, access = host_names("127.0.0.1"), Access([Member("ada")])
    if name == "review":
        table = template_table([("site", "job done", "normal")])
        records.write_table(folder / records.LINES, records.LINES_SCHEMA.to_frame(), records.LINES_SCHEMA)
        desk = Desk(table, folder / "ledger.jsonl")
        yield build_review(desk, TemplateContext(folder, table, desk.items), access, names)
    elif name == "incidents":
        yield build_incidents(folder / "stream.db", None, access, names)
    else:
        params = load_params(Path(DEFAULTS_NAME), ())
        engine = DoubleEngine(folder)
        with running(cast(Engine, engine), params, Keys({}, needed=False), "model") as service:
            yield build_serve(service, names)
        engine.close()


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    with building(sys.argv[1], Path(sys.argv[2])) as app, listen("127.0.0.1", 0) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        build_server(app).run(sockets=[listener])


if __name__ == "__main__":
    main()
