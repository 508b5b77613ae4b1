"""Routes for who runs the service: health, readiness, metrics, the model, the description of the interface."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, PlainTextResponse

from rationanomaly.errors import RationAnomalyError
from rationanomaly.serve.messages import Model, ModelRequest, error_answers
from rationanomaly.serve.problems import JSON, Problem
from rationanomaly.serve.service import Service, answer, as_problem
from rationanomaly.serve.swapping import Busy

_ERRORS = error_answers(400, 401, 403, 409, 422, 503)
_BODY = {"requestBody": {"required": True, "content": {JSON: {"schema": ModelRequest.model_json_schema()}}}}
#: The page has neither scripts nor anything from elsewhere; its few styles stand in a file beside it.
_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def build_operating(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["operation"])
    _add_health(router, service)
    _add_model(router, service)
    _add_description(router)
    return router


def _add_health(router: APIRouter, service: Service) -> None:
    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> Response:
        """Whether the process lives and its threads do: if not, start it again."""
        alive = service.closing or service.intake.alive
        return PlainTextResponse("ok\n" if alive else "lines are not read\n", 200 if alive else 503)

    @router.get("/readyz")
    async def readyz() -> Response:
        """Whether requests are taken: if not, send them elsewhere for now."""
        problem = service.problem()
        body = {"ready": problem is None, "problem": problem, "model": str(service.engine.version)}
        return Response(json.dumps(body), 200 if problem is None else 503, media_type=JSON)

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Counters for Prometheus, as text or OpenMetrics."""
        body, kind = await service.quickly(service.meter.exposition, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})


def _add_model(router: APIRouter, service: Service) -> None:
    @router.get("/v1/model", responses={200: {"model": Model}, **_ERRORS})
    async def model() -> Response:
        """The model that answers now."""
        return answer(Model.of(service.engine.version))

    @router.post("/v1/model", responses={200: {"model": Model}, **_ERRORS}, openapi_extra=_BODY)
    async def change_model(request: Request) -> Response:
        """Let another registered model answer; needs a key with the role admin.

        It is loaded beside the one that answers, which does so until then: no request is lost. The answer comes when
        the new one is in place, after seconds to minutes.
        """
        asked = await service.read(request, ModelRequest)
        try:
            version = await service.slowly(service.switch.swap, asked.model)
        except Busy:
            raise Problem(409, "busy", "Another model is being loaded.", 10) from None
        except RationAnomalyError as error:
            raise as_problem(error) from error
        return answer(Model.of(version))


def _add_description(router: APIRouter) -> None:
    environment = Environment(
        loader=PackageLoader("rationanomaly.serve", "pages"), autoescape=True, undefined=StrictUndefined
    )

    @router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs(request: Request) -> Response:
        """The interface, for people."""
        page = environment.get_template("docs.html").render(schema=request.app.openapi())
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    style = environment.get_template("docs.css").render()

    @router.get("/docs/docs.css", include_in_schema=False)
    async def docs_style() -> Response:
        """Of the page."""
        return Response(style, media_type="text/css")
