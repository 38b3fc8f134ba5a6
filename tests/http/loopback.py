"""A tiny HTTP server on loopback that says whatever a test tells it to, also rude things."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class Say:
    """One answer; ``drop`` closes the connection without one."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    drop: bool = False
    after_s: float = 0.0
    promise: int | None = None
    """Content-Length, where it is not the length of the body."""


@dataclass(frozen=True)
class Heard:
    path: str
    headers: Mapping[str, str]
    at_s: float


class Loopback:
    """Answers with what ``script`` says to each request; it gets the request and its number from 0."""

    def __init__(self, script: Callable[[Heard, int], Say]) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                with lock:
                    outer.connections += 1

            def do_GET(self) -> None:
                request = Heard(self.path, dict(self.headers), time.monotonic())
                with lock:
                    number = len(outer.heard)
                    outer.heard.append(request)
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                try:
                    self._answer(script(request, number))
                except OSError:
                    self.close_connection = True  # the client went away, as some tests make it
                finally:
                    with lock:
                        outer._at_once -= 1

            def _answer(self, say: Say) -> None:
                time.sleep(say.after_s)
                if say.drop:
                    self.close_connection = True
                    return
                self.send_response(say.status)
                for name, value in say.headers.items():
                    self.send_header(name, value)
                if say.status != 304:
                    self.send_header("Content-Length", str(len(say.body) if say.promise is None else say.promise))
                self.end_headers()
                self.wfile.write(say.body)
                if say.promise is not None:
                    self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
