"""Run the stand-in: in a thread (tests), in a process of its own (benchmarks), or until interrupted (command line)."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tasks.core.errors import Refused
from tasks.standin.faults import Fault, RequestLog
from tasks.standin.server import CLOSE_CONNECTION, CONTROL, StandInApp, StandInOptions

READY = "reelhouse stand-in for TMDB: "
_LOOPBACK = "127.0.0.1"


class _Running:
    """Where a running stand-in is found."""

    url: str
    """Scheme, host and port."""

    @property
    def api_url(self) -> str:
        """What stands for https://api.themoviedb.org/3."""
        return f"{self.url}/3"

    @property
    def image_url(self) -> str:
        """What stands for https://image.tmdb.org/t/p/."""
        return f"{self.url}/t/p/"


class StandIn(_Running):
    """A stand-in in a thread of this process, on a free port of the loopback address.

    ::

        with StandIn(StandInOptions(rate_hz=50)) as server:
            ...                                   # ask server.api_url
            assert 1 == server.requests().count("movie")

    It shares the interpreter with whoever asks it; measure against :class:`StandInProcess` instead.
    """

    def __init__(self, options: StandInOptions | None = None) -> None:
        self.options = options or StandInOptions()
        self._app = StandInApp(self.options)

    def __enter__(self) -> Self:
        self._socket = _listening(0)
        self.url = _url(self._socket)
        self._server = uvicorn.Server(_config(self._app))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="standin", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def requests(self) -> RequestLog:
        """What was asked since the start or the last :meth:`clear`."""
        return self._app.recorder.snapshot()

    def clear(self) -> None:
        """Begin a new request log."""
        self._app.recorder.clear()

    def set_faults(self, *faults: Fault) -> None:
        """Set these faults and lift all others; without any the service is healthy again."""
        self._app.faults.replace(faults)


class StandInAt(_Running):
    """A stand-in that another process runs, by its address: what it was asked, and what goes wrong in it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def requests(self) -> RequestLog:
        """What was asked since the start or the last :meth:`clear`."""
        return RequestLog.model_validate_json(self._control("GET", "requests").content)

    def clear(self) -> None:
        """Begin a new request log."""
        self._control("DELETE", "requests")

    def set_faults(self, *faults: Fault) -> None:
        """Set these faults and lift all others."""
        self._control("PUT", "faults", json=[fault.model_dump() for fault in faults])

    def _control(self, method: str, what: str, **body: Any) -> httpx.Response:
        # Proxy settings of the environment must not lead loopback requests elsewhere; certificates have no part in it.
        answer = httpx.request(method, f"{self.url}{CONTROL}{what}", trust_env=False, verify=False, timeout=30, **body)
        return answer.raise_for_status()


class StandInProcess(StandInAt):
    """A stand-in in a process of its own, with the same face as :class:`StandIn`.

    It ends with the ``with`` block, and also when this process dies: it watches its standard input.

    Raises:
        RuntimeError: it did not start; the message is what it said.
    """

    def __init__(self, options: StandInOptions | None = None) -> None:
        self.options = options or StandInOptions()

    def __enter__(self) -> Self:
        # A pipe that nobody reads would stop a talkative server; a file takes what it says.
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tasks.standin", self.options.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(READY):
            self._process.wait()
            self._complaints.seek(0)
            said = self._complaints.read().decode(errors="replace")
            self._end()
            raise RuntimeError(f"the stand-in did not start: {line}{said}")
        self.url = line.strip().removeprefix(READY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._complaints.close()


def serve(options: StandInOptions | None = None, port: int = 0, *, until_input_ends: bool = False) -> None:
    """Run the stand-in in the foreground, print its address, and return when it is interrupted.

    Args:
        port: 0 takes a free one.
        until_input_ends: stop also when standard input is closed, which a parent process does when it dies.

    Raises:
        Refused: nobody can listen on that port, because it is taken for example.
    """
    try:
        listening = _listening(port)
    except (OSError, OverflowError) as exc:
        raise Refused(f"the stand-in cannot listen on port {port}: {exc}; choose another, or 0 for a free one") from exc
    with listening:
        server = uvicorn.Server(_config(StandInApp(options or StandInOptions())))
        if until_input_ends:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        print(f"{READY}{_url(listening)}", flush=True)
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:
            return


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    server.should_exit = True


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def _listening(port: int) -> socket.socket:
    # Bound here and handed over, so that the port is known, and open, before the server's loop runs.
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((_LOOPBACK, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


def _config(app: StandInApp) -> uvicorn.Config:
    class Protocol(_Protocol):
        standin = app

    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


class _Protocol(H11Protocol):
    """uvicorn's HTTP protocol, which also counts connections and lets the application close one."""

    standin: StandInApp

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        is_counted = False

        def close(*, at_once: bool) -> None:
            if at_once:
                transport.abort()
            else:
                transport.close()

        async def with_close(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal is_counted
            if not is_counted and not scope["path"].startswith(CONTROL):
                is_counted = True
                self.standin.recorder.connected()
            scope[CLOSE_CONNECTION] = close
            try:
                await self.standin(scope, receive, send)
            except asyncio.CancelledError:  # the server stops, and this answer was still held back
                transport.abort()
                await receive()

        self.app = cast(Any, with_close)


def main(arguments: Iterable[str]) -> None:
    """``python -m tasks.standin [OPTIONS AS JSON]``: what :class:`StandInProcess` starts."""
    given = "".join(arguments)
    serve(StandInOptions.model_validate_json(given) if given else StandInOptions(), until_input_ends=True)
