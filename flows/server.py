"""A real Prefect server on loopback for the time it is needed.

The server is started as a child of a small guard process (this module run as a program). The guard waits on a pipe:
when the program that started it ends, in whatever way, the pipe closes and the guard ends the server, so that nothing
is left behind even after ``kill -9``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.core import atomic
from tasks.core.errors import Refused
from tasks.core.units import human_size, printable

HOST = "127.0.0.1"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
RESTART_AFTER_S = 10.0
"""A server that ends by itself sooner than this after its start is not started again: it cannot run."""
MOST_EARLY_KILLS = 3
"""How often one that is killed by a signal so soon is started again: it may be the one whose memory was taken."""
SERVER_FILE = "server.json"
"""Names the address of the server that keeps its records in the folder of this file."""

SERVER_SETTINGS: Mapping[str, str] = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # One write for 200 events instead of one each: a third of the server's work for the same record.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
}


class ServerNotStarted(Refused):
    """The Prefect server did not come up; the message names its log."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    api_url: str
    ui_url: str
    log: Path | None
    """Its log; ``None`` for a server that somebody else runs."""


def free_port() -> int:
    """A port on loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port``."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


@contextmanager
def serving(home: Path, *, port: int | None = None, meanwhile: Callable[[], object] | None = None) -> Iterator[Server]:
    """Give the Prefect server to use: the one named by ``PREFECT_API_URL``, else one of our own on loopback.

    Our own keeps its database and results in ``home`` and ends with the block, unless it was there already: then that
    one is used (``reelhouse serve`` is at work). In every case the environment of this process is set so that Prefect,
    imported afterwards, uses the server.

    Args:
        port: where to listen; a free one by default.
        meanwhile: called while our own server starts, which takes seconds; for imports.

    Raises:
        ServerNotStarted: ours ended at once or did not answer within two minutes; or none is at ``PREFECT_API_URL``.
    """
    given = os.environ.get("PREFECT_API_URL")
    if given:
        _must_answer(given)
        if meanwhile is not None:
            meanwhile()
        yield Server(given, given.removesuffix("/api"), None)
        return
    running = running_server(home)
    if running is not None:
        with _environment(home, running):
            if meanwhile is not None:
                meanwhile()
            yield running
        return
    chosen = port or free_port()
    server = Server(f"http://{HOST}:{chosen}/api", f"http://{HOST}:{chosen}", home / "server.log")
    with _environment(home, server), _started(server, home, chosen, meanwhile):
        if port is None:  # it ends with one run, so nobody else should rely on it
            yield server
            return
        atomic.write_bytes(home / SERVER_FILE, json.dumps({"api_url": server.api_url}).encode())
        try:
            yield server
        finally:
            (home / SERVER_FILE).unlink(missing_ok=True)


def running_server(home: Path) -> Server | None:
    """The server of ours that keeps its records in ``home`` and was given a port, if it is at work."""
    try:
        api_url = json.loads((home / SERVER_FILE).read_bytes())["api_url"]
        with _opener().open(f"{api_url}/health", timeout=5):
            return Server(api_url, api_url.removesuffix("/api"), home / "server.log")
    except (OSError, ValueError, KeyError, TypeError):  # none was, or it has gone without a word
        return None


@contextmanager
def _environment(home: Path, server: Server) -> Iterator[None]:
    home_before = os.environ.get("PREFECT_HOME")
    os.environ |= {"PREFECT_HOME": str(home), "PREFECT_API_URL": server.api_url}
    try:
        yield
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        os.environ.pop("PREFECT_HOME", None)
        if home_before is not None:
            os.environ["PREFECT_HOME"] = home_before


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback needs no proxy


def _must_answer(api_url: str) -> None:
    """Refuse a server that is not there; one that asks who we are (HTTP 401) is."""
    try:
        with urllib.request.urlopen(f"{api_url.rstrip('/')}/health", timeout=10):
            return
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError) as exc:
        from tasks.http.client import safe_url

        raise ServerNotStarted(
            f"no Prefect server answers at PREFECT_API_URL={safe_url(api_url)} ({exc}); start it, or unset the variable"
        ) from exc


def _database_url(database: Path) -> str:
    """The address of a SQLite file, whatever its name: SQLAlchemy takes %41 in an address for an A."""
    from sqlalchemy import URL  # here, because its import takes longer than that of all of this module

    try:
        return URL.create("sqlite+aiosqlite", database=str(database)).render_as_string(hide_password=False)
    except UnicodeEncodeError as exc:
        raise ServerNotStarted(
            f"{printable(str(database.parent))} is no UTF-8; the Prefect server keeps its records there and cannot "
            "open it"
        ) from exc


@contextmanager
def _started(server: Server, home: Path, port: int, meanwhile: Callable[[], object] | None) -> Iterator[None]:
    assert server.log is not None
    environment = {
        **os.environ,
        **SERVER_SETTINGS,
        "PREFECT_HOME": str(home),
        "PREFECT_UI_API_URL": server.api_url,
        "PREFECT_API_DATABASE_CONNECTION_URL": _database_url(home / "prefect.db"),
    }
    try:
        home.mkdir(parents=True, exist_ok=True)
        log = server.log.open("wb")
    except OSError as exc:
        raise ServerNotStarted(
            f"{home} cannot be written: {exc.strerror}; the Prefect server keeps its records there"
        ) from exc
    with log:
        guard = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we end the server in order
        )
        try:
            if meanwhile is not None:
                meanwhile()
            _wait_until_healthy(server, guard)
            yield
        finally:
            assert guard.stdin is not None
            guard.stdin.close()
            try:
                guard.wait(STOP_TIMEOUT_S + 5)
            except subprocess.TimeoutExpired:
                os.killpg(guard.pid, signal.SIGKILL)
                guard.wait()


def _wait_until_healthy(server: Server, guard: subprocess.Popen[bytes]) -> None:
    assert server.log is not None
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if guard.poll() is not None:
            free = human_size(shutil.disk_usage(server.log.parent).free)
            raise ServerNotStarted(
                f"the Prefect server ended while starting ({free} are free on its disk); its log is {server.log}"
            )
        with contextlib.suppress(OSError), _opener().open(f"{server.api_url}/health", timeout=2):
            return
        time.sleep(0.1)
    raise ServerNotStarted(f"the Prefect server did not answer within {START_TIMEOUT_S:g} s; its log is {server.log}")


def _guard(port: int) -> int:
    """Run the server until standard input closes; the program part of this module.

    A server that dies (killed, out of memory) is started again: a run that is at work waits for it.
    """
    ending = threading.Event()
    child = _start(port)

    def stop(*_: object) -> None:
        ending.set()
        child.terminate()

    def keep_alive() -> None:
        nonlocal child
        early_kills = 0
        while True:
            started_s = time.monotonic()
            status = child.wait()
            if ending.is_set():
                return
            if time.monotonic() - started_s < RESTART_AFTER_S:
                early_kills += 1
                if status >= 0 or early_kills > MOST_EARLY_KILLS:
                    os._exit(abs(status) or 1)
            child = _start(port)

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=keep_alive, daemon=True).start()
    while sys.stdin.buffer.read(1):
        pass
    stop()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
    return 0


def _start(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)],
        stdin=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1])))
