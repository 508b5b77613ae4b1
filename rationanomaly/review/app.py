"""The routes of the review page. They hold no rules: `desk` says what is allowed, the pages say how it looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined

from rationanomaly.decisions.ledger import CATEGORIES, ROUNDS, Round
from rationanomaly.errors import RationAnomalyError, one_line
from rationanomaly.review.access import COOKIE, Access
from rationanomaly.review.context import TemplateContext
from rationanomaly.review.desk import FILTERS, Desk, Item, Member, NotAllowed, Show
from rationanomaly.review.entering import add_entrance
from rationanomaly.review.guarding import Fields, add_headers, failed, form_fields, is_other_site
from rationanomaly.review.host_names import HostCheck
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.untrusted import for_html, for_terminal

_COMMENT = 5000


def build_app(desk: Desk, context: TemplateContext, access: Access, hosts: Collection[str]) -> FastAPI:
    """The application.

    Args:
        desk: templates, ledger and rules.
        context: examples and near-duplicates.
        access: who may come in.
        hosts: the host names under which it may be reached, see `host_names`; others are refused.
    """
    app = FastAPI(title="RationAnomaly review", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(HostCheck, names=hosts)
    app.middleware("http")(_guard)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    pages = _Pages(desk, access)
    _add_refusals(app, pages)
    add_entrance(app, access, COOKIE, "/", pages.door)
    _add_agreement(app, pages, desk)
    _add_finding(app, pages, desk)
    _add_context(app, pages, desk, context)
    _add_deciding(app, pages, desk)
    _add_rounds(app, pages, desk)
    return app


def _inert(value: object) -> object:
    """Whatever a page says of a text without asking for more: names, categories, messages, also inside attributes.

    What somebody typed goes back into its field as it was, by the filter `e`.
    """
    return for_terminal(value, lines=True) if type(value) is str else value


class _Pages:
    """Renders pages for a member."""

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access
        self._environment = Environment(
            loader=PackageLoader("rationanomaly.review", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_inert,
        )
        self._environment.filters["inert"] = partial(for_html, variable=WILDCARD)

    def member(self, request: Request) -> Member:
        """Who asks; turns strangers away."""
        member = self._access.member(request.cookies.get(COOKIE))
        if member is None:
            raise HTTPException(401)
        return member

    def door(self, problem: str = "") -> HTMLResponse:
        """The page for somebody who isn't in."""
        return self.plain("enter.html", 401, open_desk=self._access.open_desk, problem=problem)

    def plain(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page without what every page has."""
        return HTMLResponse(self._environment.get_template(name).render(**values), status)

    def page(self, request: Request, name: str, member: Member, **values: Any) -> HTMLResponse:
        """A whole page, or for htmx its inner part only."""
        whole = not _by_htmx(request) or "HX-History-Restore-Request" in request.headers
        progress = self._desk.progress(member)
        waiting = {round_: self._desk.waiting(member, round_) for round_ in ("panel", "senior")}
        return self.plain(name, whole=whole, member=member, progress=progress, waiting=waiting, **values)

    def card(
        self,
        request: Request,
        member: Member,
        item: Item | None,
        round_: Round,
        message: str = "",
        last: tuple[Item, str] | None = None,
        typed: str | None = None,
    ) -> HTMLResponse:
        """The card of an item, or the page that says that there is none left.

        ``last`` is what was just decided, ``typed`` the comment of a form that could not be stored.
        """
        desk = self._desk
        values: dict[str, Any] = {
            "item": item,
            "round_": round_,
            "message": message,
            "categories": CATEGORIES,
            "last": last,
            "typed": typed,
        }
        values["mine"] = None if item is None else desk.decision_of(member, item, round_)
        values["votes"] = [] if item is None or round_ == "independent" else _votes(desk, item, round_)
        values["ends"] = None if item is None else (desk.beside(item, -1), desk.beside(item, 1))
        response = self.page(request, "card.html", member, **values)
        if item is not None:
            response.headers["HX-Push-Url"] = _address(item, round_)
        return response


def _by_htmx(request: Request) -> bool:
    """Whether htmx asks, and not a plain link or form: keys pressed before it is ready, a browser without scripts."""
    return request.headers.get("HX-Request") == "true"


def _address(item: Item, round_: Round) -> str:
    return f"/{round_}/{item.key}"


def _sent_on(request: Request, item: Item | None, round_: Round) -> Response | None:
    """Where a plain form goes after something was stored, so that a reload stores nothing again; None for htmx."""
    if _by_htmx(request):
        return None
    return RedirectResponse(f"/{round_}" if item is None else _address(item, round_), 303)


_FORM = Depends(form_fields)


async def _guard(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Refuse decisions sent from other sites; keep answers out of caches and frames."""
    if request.method == "POST" and is_other_site(request.headers.get("Origin"), request.headers.get("Host")):
        return Response("This came from another site.", 403)
    response = await call(request)
    if request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-cache")
    add_headers(response)
    return response


def _add_refusals(app: FastAPI, pages: _Pages) -> None:
    """What is answered where no page can be."""

    @app.exception_handler(HTTPException)
    def refused(_request: Request, error: Exception) -> Response:
        return Response(str(getattr(error, "detail", error)), getattr(error, "status_code", 500))

    @app.exception_handler(RationAnomalyError)
    @app.exception_handler(OSError)
    def broken(_request: Request, error: Exception) -> Response:
        return failed(error)

    @app.exception_handler(401)
    def stranger(_request: Request, _error: Exception) -> Response:
        return pages.door()


def _add_finding(app: FastAPI, pages: _Pages, desk: Desk) -> None:
    """Ways to a template other than one after the other."""
    someone = Depends(pages.member)

    @app.get("/")
    def start() -> Response:
        return RedirectResponse("/independent", 303)

    @app.get("/find")
    def find(request: Request, q: str = "", show: str = "all", member: Member = someone) -> HTMLResponse:
        wanted: Show = next((known for known in FILTERS if known == show), "all")
        found = desk.find(member, q[:200], wanted)
        return pages.page(request, "find.html", member, found=found, text=q[:200], show=wanted, desk=desk)

    @app.get("/jump")
    def jump(request: Request, number: int = 1, member: Member = someone) -> HTMLResponse:
        item = desk.items[min(max(number, 1), len(desk.items)) - 1]
        return pages.card(request, member, item, "independent")


def _add_context(app: FastAPI, pages: _Pages, desk: Desk, context: TemplateContext) -> None:
    """What helps to decide; a card asks for it once it is shown."""
    someone = Depends(pages.member)

    def prepare() -> None:
        context.prepare_near_duplicates()
        desk.settle_order()

    preparing, never_started = Thread(target=prepare, name="preparing", daemon=True), Lock()

    @app.get("/lines/{key}", dependencies=[someone])
    def lines(key: str) -> HTMLResponse:
        return pages.plain("lines.html", examples=context.examples(_item(desk, key)))

    @app.get("/near-duplicates/{key}", dependencies=[someone])
    def near_duplicates(key: str) -> HTMLResponse:
        # The first card is with its reader: time for what would have held it up.
        if never_started.acquire(blocking=False):
            preparing.start()
        item = _item(desk, key)
        return pages.plain("near_duplicates.html", item=item, near_duplicates=context.near_duplicates(item))


def _add_deciding(app: FastAPI, pages: _Pages, desk: Desk) -> None:
    """Decisions, and taking them back."""
    someone = Depends(pages.member)

    @app.post("/decide")
    def decide(request: Request, fields: Fields = _FORM, member: Member = someone) -> Response:
        item, asked = _item(desk, fields.get("template", "")), _round(fields.get("round", ""))
        vote, _, category = fields.get("choice", "").partition("/")
        comment = fields.get("comment", "")[:_COMMENT]
        try:
            desk.decide(member, item, asked, vote, category or None, comment)
        except NotAllowed as refused:
            return pages.card(request, member, item, asked, str(refused), typed=comment)
        except (RationAnomalyError, OSError) as error:
            return pages.card(request, member, item, asked, _not_stored(error), typed=comment)
        following, last = desk.next_open(member, asked, item), (item, category or vote)
        return _sent_on(request, following, asked) or pages.card(request, member, following, asked, last=last)

    @app.post("/undo")
    def undo(request: Request, member: Member = someone) -> Response:
        try:
            undone = desk.undo(member)
        except (RationAnomalyError, OSError) as error:
            item = desk.next_open(member, "independent")
            return pages.card(request, member, item, "independent", _not_stored(error))
        if undone is None:
            item = desk.next_open(member, "independent")
            return pages.card(request, member, item, "independent", "There is nothing to take back.")
        return _sent_on(request, *undone) or pages.card(request, member, *undone, "Taken back. Decide anew.")


def _not_stored(error: Exception) -> str:
    return f"NOT STORED. {one_line(str(error))}"


def _add_rounds(app: FastAPI, pages: _Pages, desk: Desk) -> None:
    """The cards of a round. Last of all routes, for `/{round_}` takes any word."""
    someone = Depends(pages.member)

    @app.get("/{round_}")
    def next_card(request: Request, round_: str, member: Member = someone) -> HTMLResponse:
        desk.refresh()
        return pages.card(request, member, desk.next_open(member, _round(round_)), _round(round_))

    @app.get("/{round_}/{key}")
    def one_card(request: Request, round_: str, key: str, member: Member = someone) -> HTMLResponse:
        desk.refresh()
        asked, item = _round(round_), _item(desk, key)
        if asked != "independent" and not _may_see(desk, member, item, asked):
            raise HTTPException(403, "Not before you have judged it yourself.")
        return pages.card(request, member, item, asked)


def _add_agreement(app: FastAPI, pages: _Pages, desk: Desk) -> None:
    """The dashboard; measured anew only when a decision came in."""
    measured: dict[int, tuple[dict[str, Any], list[tuple[str, int]]]] = {}

    someone = Depends(pages.member)

    @app.get("/agreement")
    def agreement(request: Request, member: Member = someone) -> HTMLResponse:
        from rationanomaly.correct.reviewers import measure_agreement

        desk.refresh()
        version = desk.version
        found = measured.get(version)
        if found is None:
            found = measure_agreement(desk.all_decisions(), seed=0), _corrections(desk)
            measured.clear()
            measured[version] = found
        agreement, corrections = found
        return pages.page(request, "agreement.html", member, agreement=agreement, corrections=corrections, desk=desk)


def _corrections(desk: Desk) -> list[tuple[str, int]]:
    """The corrections so far by category, most frequent first."""
    resolutions = [desk.resolution(item) for item in desk.items]
    return Counter(
        "abnormal to normal" if resolution.label == "normal" else resolution.category or "not stated"
        for resolution in resolutions
        if resolution.corrected
    ).most_common()


def _votes(desk: Desk, item: Item, round_: Round) -> list[tuple[Round, list[Any]]]:
    """The votes of the rounds before, side by side; for a senior the panel's as well."""
    shown = ROUNDS[: ROUNDS.index(round_)]
    return [(earlier, votes) for earlier in shown if (votes := desk.decisions(item, earlier))]


def _may_see(desk: Desk, member: Member, item: Item, round_: Round) -> bool:
    """Blind review: other people's votes are for those who have voted, and for seniors."""
    own = desk.decision_of(member, item, "independent") is not None
    return member.senior or (round_ == "panel" and own)


def _item(desk: Desk, key: str) -> Item:
    item = desk.item(key)
    if item is None:
        raise HTTPException(404, "No such template.")
    return item


def _round(name: str) -> Round:
    for known in ROUNDS:
        if known == name:
            return known
    raise HTTPException(404, "No such page.")
