"""The stand-in on the network: headers, keys, limits, faults and the request log around the answers.

Control addresses, which neither need a key nor stand in the log::

    GET    /__standin/requests    the request log as JSON (``RequestLog``)
    DELETE /__standin/requests    begin a new log
    PUT    /__standin/faults      a JSON list of faults (``Fault``); it replaces the ones before, [] lifts all
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
import zlib
from collections import deque
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tasks.core.settings import Room
from tasks.standin.catalogue import Catalogue
from tasks.standin.faults import Entry, Fault, Faults, Recorder
from tasks.standin.generated import ShowShape
from tasks.standin.service import Answer, Route, Service, error, route_of

CACHE_WINDOW_S = 8 * 3600
"""TMDB's edge keeps an answer for about eight hours; max-age is what is left of them."""
CLOSE_CONNECTION = "reelhouse.close"
"""Key in the scope, set by ``tasks.standin.running``: closes the connection, at once or after what is written."""
CONTROL = "/__standin/"
"""How the control addresses begin."""
_FAULT_LIST = TypeAdapter(list[Fault])


class StandInOptions(Room):
    """How the stand-in behaves."""

    film_count: int = Field(0, ge=0, description="Generated films beside those of the demo.")
    show_count: int = Field(0, ge=0, description="Generated shows beside that of the demo.")
    show_shape: ShowShape | None = Field(
        None,
        description="Seasons of every generated show, and episodes of every season; if not set 1 to 5 seasons of 6 to "
        "13 episodes, and specials of one show in three.",
    )
    seed: int = Field(1, ge=0, description="Another seed gives other generated titles.")
    token: str = Field("standin", min_length=1, description="The only token (or key) that is accepted.")
    latency_s: float = Field(0.0, ge=0, description="Seconds that every answer is held back.")
    image_latency_s: float | None = Field(
        None, ge=0, description="Seconds that every picture is held back; as every answer, if not set."
    )
    rate_hz: int | None = Field(
        None, ge=1, description="Most API answers within any second; more get 429. Images are not limited."
    )
    faults: tuple[Fault, ...] = Field((), description="Faults that are set from the beginning.")


class StandInApp:
    """The ASGI application."""

    def __init__(self, options: StandInOptions, *, clock: Callable[[], float] = time.time) -> None:
        self.options = options
        self.recorder = Recorder()
        self.faults = Faults(options.faults)
        self._clock = clock
        self._service = Service(
            Catalogue(
                film_count=options.film_count,
                show_count=options.show_count,
                seed=options.seed,
                show_shape=options.show_shape,
            )
        )
        self._allowed_at: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        if request.url.path.startswith(CONTROL):
            await (await self._control(request))(scope, receive, send)
            return
        # Queries of clients may repeat a name; TMDB takes the last one, and so does dict().
        pairs = parse_qsl(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)
        shown = urlencode([(name, value) for name, value in pairs if name != "api_key"], safe=",/")
        address = f"{request.url.path}?{shown}" if shown else request.url.path
        route = route_of(request.url.path)
        self.recorder.begin()
        sent = _Sent(send, self.recorder, method=request.method, kind=route.kind, address=address)
        try:
            await self._respond(request, route, dict(pairs), address, sent)
        finally:
            sent.record()

    async def _respond(self, request: Request, route: Route, query: dict[str, str], address: str, sent: _Sent) -> None:
        held_back_s = self.options.latency_s
        if route.kind == "image" and self.options.image_latency_s is not None:
            held_back_s = self.options.image_latency_s
        if held_back_s:
            await asyncio.sleep(held_back_s)
        titles = self._service.titles(route, query) if self.faults.know_titles else ()
        fault = self.faults.strike(request.url.path, address, titles)
        if fault is not None and fault.action == "drop":
            sent.record()
            await _close(request, at_once=True)
            return
        refusal = self._refusal(request, route, query)
        if refusal is not None:
            response = refusal
        elif fault is not None and fault.action == "status":
            headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            response = _plain(error(fault.status), headers)
        else:
            image_url = f"{request.url.scheme}://{request.url.netloc}/t/p/"
            # Drawing and searching take milliseconds; the loop serves other clients meanwhile.
            answer = await asyncio.to_thread(self._service.answer, route, query, image_url=image_url)
            response = self._dressed(answer, request, address)
        if fault is not None and fault.action in ("short", "cut") and response.status_code == 200:
            await _damaged(response, fault, request, sent)
            return
        await response(request.scope, request.receive, sent)

    def _refusal(self, request: Request, route: Route, query: dict[str, str]) -> Response | None:
        """Why a request is not answered: key, limit or method."""
        if request.method not in ("GET", "HEAD"):
            return _plain(error(405), {"Allow": "GET, HEAD"})
        if route.kind == "image":
            return None
        if not request.url.path.startswith("/3/"):
            return _plain(error(404), {})
        if self.options.rate_hz is not None and not self._is_allowed(self.options.rate_hz):
            message = (
                f"Your request count ({self.options.rate_hz + 1}) is over the allowed limit of "
                f"({self.options.rate_hz})."
            )
            return _plain(error(429, message=message), {"Retry-After": "1"})
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else query.get("api_key")
        return None if given == self.options.token else _plain(error(401), {})

    def _is_allowed(self, limit: int) -> bool:
        """Whether fewer than ``limit`` requests were allowed in the second before now; refused ones do not count."""
        now = time.monotonic()
        while self._allowed_at and self._allowed_at[0] <= now - 1:
            self._allowed_at.popleft()
        if len(self._allowed_at) >= limit:
            return False
        self._allowed_at.append(now)
        return True

    def _dressed(self, answer: Answer, request: Request, address: str) -> Response:
        """An answer with the headers of TMDB's edge; 304 where the client has it already."""
        if answer.status != 200:
            return _plain(answer, {})
        mark = hashlib.md5(answer.body, usedforsecurity=False).hexdigest()
        if answer.is_image:
            headers = {"ETag": f'"{mark}"', "Cache-Control": "public, max-age=31536000"}
        else:
            headers = {"ETag": f'W/"{mark}"', "Cache-Control": f"public, max-age={self._max_age_s(address)}"}
            headers["Vary"] = "accept-encoding, Origin"
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if f'"{mark}"' in known or "*" in known:
            return Response(status_code=304, headers=headers)
        body = answer.body
        if not answer.is_image and _accepts_gzip(request):
            body = _packed(body)
            headers["Content-Encoding"] = "gzip"
        return _plain(Answer(200, body, answer.content_type), headers)

    def _max_age_s(self, address: str) -> int:
        """What is left of the eight hours, which begin at another moment for every address."""
        offset = zlib.crc32(address.encode())
        return CACHE_WINDOW_S - (int(self._clock()) + offset) % CACHE_WINDOW_S

    async def _control(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/__standin/requests":
                return Response(self.recorder.snapshot().model_dump_json(), media_type="application/json")
            case "DELETE", "/__standin/requests":
                self.recorder.clear()
                return Response(status_code=204)
            case "PUT", "/__standin/faults":
                try:
                    self.faults.replace(_FAULT_LIST.validate_json(await request.body()))
                except ValidationError as exc:
                    return Response(str(exc), status_code=422, media_type="text/plain")
                return Response(status_code=204)
        return Response(status_code=404)


class _Sent:
    """Passes an answer on, and puts it into the log just before its end: who has the answer finds it in the log."""

    def __init__(self, send: Send, recorder: Recorder, *, method: str, kind: str, address: str) -> None:
        self._send = send
        self._recorder = recorder
        self._method, self._kind, self._address = method, kind, address
        self._status: int | None = None
        self._sent_bytes = 0
        self._is_recorded = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        self._sent_bytes += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.record()
        await self._send(message)

    def record(self) -> None:
        """Put the request into the log, once."""
        if self._is_recorded:
            return
        self._is_recorded = True
        self._recorder.end(
            Entry(
                method=self._method,
                kind=self._kind,
                address=self._address,
                status=self._status,
                sent_bytes=self._sent_bytes,
            )
        )


def _plain(answer: Answer, headers: dict[str, str]) -> Response:
    # The type stands in the headers because Starlette would write the charset in its own way.
    return Response(answer.body, answer.status, {"Content-Type": answer.content_type, **headers})


async def _damaged(response: Response, fault: Fault, request: Request, sent: _Sent) -> None:
    """Send half of the body: as if it were all (cut), or promising all of it (short)."""
    half = bytes(response.body)[: len(response.body) // 2]
    length = len(half) if fault.action == "cut" else len(response.body)
    headers = [(k, v) for k, v in response.raw_headers if k != b"content-length"]
    await sent(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [*headers, (b"content-length", str(length).encode())],
        }
    )
    await sent({"type": "http.response.body", "body": half, "more_body": fault.action == "short"})
    if fault.action == "short":
        sent.record()
        await _close(request, at_once=False)


async def _close(request: Request, *, at_once: bool) -> None:
    """Close the client's connection and wait until it is closed, so that uvicorn misses no end of the answer."""
    request.scope[CLOSE_CONNECTION](at_once=at_once)
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _accepts_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        coding, _, quality = part.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@lru_cache(maxsize=256)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=5, mtime=0)
