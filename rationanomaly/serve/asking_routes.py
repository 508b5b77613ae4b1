"""Routes that ask: verdicts, what a line means, similar templates, incidents."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from rationanomaly.detection.verdict import Verdict
from rationanomaly.incidents.incident import IncidentState
from rationanomaly.incidents.reading import read_incident, read_incidents
from rationanomaly.serve.asking import Found
from rationanomaly.serve.line_template import find_template
from rationanomaly.serve.messages import (
    USUAL_ERRORS,
    ExplainAnswer,
    ExplainRequest,
    IncidentsAnswer,
    Model,
    SimilarAnswer,
    SimilarRow,
    TemplateAnswer,
    VerdictsAnswer,
    VerdictsRequest,
    error_answers,
)
from rationanomaly.serve.problems import JSON, Problem
from rationanomaly.serve.service import RETRY_SECONDS, Service, answer
from rationanomaly.stream.database import connect

#: Templates among which that of a line is looked for.
_CANDIDATES = 20
Similar = list[tuple[str, float, Verdict | None]]


def build_asking(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter()
    _add_verdicts(router, service)
    _add_explaining(router, service)
    _add_incidents(router, service)
    return router


def _add_verdicts(router: APIRouter, service: Service) -> None:
    @router.post(
        "/v1/verdicts",
        tags=["verdicts"],
        responses={200: {"model": VerdictsAnswer}, **USUAL_ERRORS},
        openapi_extra=_body(VerdictsRequest),
    )
    async def verdicts(request: Request) -> Response:
        """Verdicts on templates, in order.

        What is not known yet is asked of the model, and is `pending` unless it comes within `wait_seconds`.
        """
        asked = await service.read(request, VerdictsRequest)
        if len(asked.templates) > service.settings.max_templates:
            raise Problem(422, "too_many", f"At most {service.settings.max_templates} templates at once.")
        version, found = await _ask(service, asked.templates, asked.wait_seconds)
        rows = [TemplateAnswer.of(text, one) for text, one in zip(asked.templates, found, strict=True)]
        return answer(VerdictsAnswer(model=Model.of(version), verdicts=rows))


def _add_explaining(router: APIRouter, service: Service) -> None:
    @router.post(
        "/v1/explain",
        tags=["verdicts"],
        responses={200: {"model": ExplainAnswer}, **USUAL_ERRORS},
        openapi_extra=_body(ExplainRequest),
    )
    async def explain(request: Request) -> Response:
        """What is known of a log line: the template that it was made from, the verdict on it, similar templates.

        A line that no log has shown before is judged as it stands; it is not read as a part of a stream.
        """
        asked = await service.read(request, ExplainRequest)
        near = await service.quickly(service.engine.similar, asked.line, _CANDIDATES)
        known = find_template(asked.line, [text for text, _, _ in near])
        template = asked.line if known is None else known
        version, [verdict] = await _ask(service, [template], asked.wait_seconds)
        similar = [one for one in near if one[0] != template][: asked.similar]
        row = TemplateAnswer.of(template, verdict)
        rows = _similar_rows(similar)
        return answer(ExplainAnswer(model=Model.of(version), known=known is not None, verdict=row, similar=rows))

    @router.get("/v1/similar", tags=["verdicts"], responses={200: {"model": SimilarAnswer}, **USUAL_ERRORS})
    async def similar(
        template: Annotated[str, Query(min_length=1, max_length=4000)],
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """The known templates that are most similar to a text, with their verdicts."""
        found = await service.quickly(service.engine.similar, template, limit)
        model = Model.of(service.engine.version)
        return answer(SimilarAnswer(model=model, similar=_similar_rows(found)))


def _add_incidents(router: APIRouter, service: Service) -> None:
    @router.get("/v1/incidents", tags=["incidents"], responses={200: {"model": IncidentsAnswer}, **USUAL_ERRORS})
    async def incidents(
        state: IncidentState | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Response:
        """Incidents, newest change first."""
        found = await service.quickly(_reading, service, lambda database: read_incidents(database, state, limit))
        return answer(IncidentsAnswer(incidents=[one.as_row() for one in found]))

    @router.get("/v1/incidents/{incident_id}", tags=["incidents"], responses=error_answers(404) | USUAL_ERRORS)
    async def incident(incident_id: Annotated[str, Path(max_length=100)]) -> Response:
        """One incident with its timeline, evidence and summary."""
        found = await service.quickly(_reading, service, lambda database: read_incident(database, incident_id))
        if found is None:
            raise Problem(404, "no_such_incident", "There is no incident of this id.")
        return answer(IncidentsAnswer(incidents=[found.as_row()]))


def _reading(service: Service, read: Callable[[sqlite3.Connection], Any]) -> Any:
    """What is read from the stream's database, by a connection of its own."""
    try:
        connection = connect(service.engine.database)
        try:
            return read(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Problem(503, "unavailable", "The stream's database can't be read for now.", RETRY_SECONDS) from error


async def _ask(service: Service, templates: Sequence[str], wait_seconds: float) -> Found:
    return await service.asking.ask(templates, min(wait_seconds, service.settings.max_wait_seconds))


def _similar_rows(found: Similar) -> list[SimilarRow]:
    return [
        SimilarRow(similarity=round(near, 6), verdict=TemplateAnswer.of(text, verdict)) for text, near, verdict in found
    ]


def _body(kind: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": kind.model_json_schema()}}}}
