"""The application: the hot routes as raw ASGI, the resources on FastAPI, the page as files."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from helium import __version__
from helium.api.cors import Cors
from helium.api.errors import error_response
from helium.api.health import HealthRoutes
from helium.api.middleware import App, Errors, RequestId
from helium.api.observed import Observed
from helium.api.openapi import describe_streams
from helium.api.page import Page
from helium.api.routes import RouteTemplates
from helium.core.errors import HeliumError, MethodNotAllowed, NotFound
from helium.db.database import CONNECTION_ERRORS
from helium.features.agents import endpoints as agents
from helium.features.agents.service import AgentService
from helium.features.deps import agent_service
from helium.features.files import endpoints as files
from helium.features.keys import endpoints as keys
from helium.features.models import endpoints as models
from helium.features.product import Product
from helium.features.responses.endpoints import ResponsesRoutes
from helium.features.runs import endpoints as runs
from helium.features.runs.stream import run_events
from helium.features.threads import endpoints as threads
from helium.kit.asgi import Receive, Scope, Send

ROUTERS = (runs.router, threads.router, agents.router, models.router, files.router, keys.router)


def build_app(
    product: Product,
    page: Page,
    *,
    role: str = "all",
    internal: Mapping[str, App] | None = None,
    origins: tuple[str, ...] = (),
) -> App:
    """The ASGI application of one process. Middleware in order of execution: measure, id, access log,
    other origins, errors.

    `internal` are routes for machines and for the page's reports, by path, which see to their own
    authentication. `origins`: of pages on other hosts, whose browsers may ask.
    """
    routes = {**(internal or {})}
    if role in ("worker", "sweeper"):
        front: App = WorkerFront(product, routes)
    elif role == "stream":
        front = StreamFront(product, routes)
    else:
        agents_of_process = agent_service(product)
        resources = build_resources()
        resources.state.product = product
        resources.state.agents = agents_of_process
        resources.state.files = product.files
        front = Front(product, agents_of_process, resources, page, routes)
    templates = RouteTemplates((*_paths(), *routes))
    answering: App = Errors(front)
    if origins:
        answering = Cors(answering, origins)
    return RequestId(Observed(answering, templates), product.hub.closing.is_set)


def _paths() -> list[str]:
    """The templates of the resources' routes."""
    return [getattr(route, "path", "") for router in ROUTERS for route in router.routes]


def build_resources() -> FastAPI:
    """The routes of the OpenAPI document. Their errors are raised through to the middleware."""
    app = FastAPI(
        title="Helium",
        version=__version__,
        description="Runs AI agents for many people at once and never loses their work.",
        openapi_url="/v1/openapi.json",
        docs_url="/v1/docs",
        redoc_url=None,
    )
    for router in ROUTERS:
        app.include_router(router)
    for kind in (HeliumError, RequestValidationError, HTTPException, *CONNECTION_ERRORS):
        app.add_exception_handler(kind, error_response)  # pyright: ignore[reportArgumentType]
    app.add_exception_handler(Exception, _unexpected)
    describe_streams(app)
    return app


async def _unexpected(request: Request, error: Exception) -> Response:
    """A defect of ours: answered and logged here, and not once more by the middleware outside."""
    request.scope["error_answered"] = True
    return error_response(request, error)


class Front:
    """Sends each request where it belongs. The hot routes are matched by hand, and first."""

    def __init__(
        self,
        product: Product,
        agents: AgentService,
        resources: FastAPI,
        page: Page,
        internal: Mapping[str, App],
    ) -> None:
        self._product = product
        self._internal = internal
        self._responses = ResponsesRoutes(product, agents)
        self._health = HealthRoutes(product)
        self._resources = resources
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._resources(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith("/v1/responses"):
            await self._respond(path, scope, receive, send)
        elif path.startswith("/v1/runs/") and path.endswith("/events"):
            _only(scope, "GET")
            wire_id = path.removeprefix("/v1/runs/").removesuffix("/events")
            await run_events(self._product, scope, receive, send, wire_id)
        elif path.startswith("/v1/"):
            await self._resources(scope, receive, send)
        elif path in self._internal:
            await self._internal[path](scope, receive, send)
        elif path.startswith("/api/"):
            _only(scope, "GET", "HEAD")
            await self._health.answer(path, send)
        else:
            _only(scope, "GET", "HEAD")
            await self._page(scope, receive, send)

    async def _respond(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        parts = path.removeprefix("/v1/responses").strip("/").split("/")
        match parts:
            case [""]:
                _only(scope, "POST")
                await self._responses.create(scope, receive, send)
            case [wire_id]:
                _only(scope, "GET")
                query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
                await self._responses.retrieve(scope, receive, send, wire_id, query)
            case [wire_id, "cancel"]:
                _only(scope, "POST")
                await self._responses.cancel(scope, send, wire_id)
            case _:
                raise NotFound(f"There is no route {path}.")


class StreamFront:
    """A process that holds event streams, and little else: each viewer costs it a few kilobytes."""

    def __init__(self, product: Product, internal: Mapping[str, App]) -> None:
        self._product = product
        self._internal = internal
        self._responses = ResponsesRoutes(product, agent_service(product))
        self._health = HealthRoutes(product)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith("/api/"):
            _only(scope, "GET", "HEAD")
            await self._health.answer(path, send)
        elif path.startswith("/v1/runs/") and path.endswith("/events"):
            _only(scope, "GET")
            wire_id = path.removeprefix("/v1/runs/").removesuffix("/events")
            await run_events(self._product, scope, receive, send, wire_id)
        elif path.startswith("/v1/responses/") and scope["method"] == "GET":
            query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
            wire_id = path.removeprefix("/v1/responses/")
            await self._responses.retrieve(scope, receive, send, wire_id, query)
        elif path in self._internal:
            await self._internal[path](scope, receive, send)
        else:
            raise NotFound("This process serves event streams only: ask the API's address.")


class WorkerFront:
    """What a process without an API answers: that it lives, and what its queue pushes."""

    def __init__(self, product: Product, internal: Mapping[str, App]) -> None:
        self._health = HealthRoutes(product)
        self._internal = internal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path in self._internal:
            await self._internal[path](scope, receive, send)
        else:
            _only(scope, "GET", "HEAD")
            await self._health.answer(path, send)


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        raise MethodNotAllowed(f"This route answers {' and '.join(methods)} only.")
