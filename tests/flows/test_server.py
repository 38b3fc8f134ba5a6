"""The Prefect server that a refresh starts: where it listens, what it tells others, and when it ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server import ServerNotStarted, free_port, is_free, serving
from tests.flows.house import ask_prefect, lean, processes_of

LISTEN = "0A"
LOOPBACK = "0100007F"
"""127.0.0.1 as /proc/net/tcp writes it on little-endian machines (proc_pid_net(5))."""
needs_proc = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="there is no /proc here")


def listening(pids: set[int]) -> set[tuple[str, int]]:
    """Addresses and ports at which processes wait for connections, IPv4 and IPv6."""
    sockets = {str(fd.readlink()) for pid in pids for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and f"socket:[{fields[9]}]" in sockets:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


@needs_proc
def test_it_listens_on_loopback_only(prefect):
    """
    Nobody else in the network can reach it: all its processes together listen at one address, 127.0.0.1.
    """
    assert prefect.log is not None
    port = int(prefect.ui_url.rpartition(":")[2])

    assert {(LOOPBACK, port)} == listening(set(processes_of(prefect.log.parent)) - {os.getpid()})


def test_it_tells_nobody_about_us(prefect):
    """
    Analytics are off, as the server itself says.
    """
    settings = ask_prefect(prefect, "/admin/settings")

    assert False is settings["server"]["analytics_enabled"]


def test_its_records_lie_in_its_folder(prefect):
    """
    Database and log are in the folder it was given, nothing in the home of whoever runs it.
    """
    assert prefect.log is not None

    assert {"prefect.db", "server.log"} <= {path.name for path in prefect.log.parent.iterdir()}


def test_its_folder_may_have_any_name(first_start, tmp_path, monkeypatch):
    """
    Signs that mean something in addresses are taken as they are: the records that lie in the folder are used, and no
    other folder comes into being.
    """
    for variable in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in lean(tmp_path).items():
        monkeypatch.setenv(variable, value)
    there = set(tmp_path.iterdir())
    home = tmp_path / "100%41 #1 50% [it's] a+b & @c \N{CLAPPER BOARD} :memory:" / "prefect"
    shutil.copytree(first_start, home)

    with serving(home) as server:
        status = ask_status(server.api_url)
        is_open = (home / "prefect.db-wal").exists()  # SQLite keeps it beside a database that is open

    assert (200, True) == (status, is_open)
    assert there | {home.parent} == set(tmp_path.iterdir())


def test_a_server_that_is_given_is_used(prefect, monkeypatch, tmp_path):
    """
    Where PREFECT_API_URL names one, none is started, and it is not ended either.
    """
    monkeypatch.setenv("PREFECT_API_URL", prefect.api_url)
    home = tmp_path / "home"

    with serving(home) as server:
        used = server.api_url

    assert prefect.api_url == used
    assert not home.exists()
    assert 200 == ask_status(prefect.api_url)
    assert prefect.api_url == os.environ["PREFECT_API_URL"]


def test_a_refresh_starts_none_of_its_own_beside_a_given_one(refreshed):
    """
    The data folder of runs that were given a server holds no records of Prefect.
    """
    assert not refreshed.house.data.prefect.exists()


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/api", "no address"])
def test_a_given_server_that_is_not_there_is_refused(tmp_path, monkeypatch, address):
    """
    The message names the variable and what to do; nothing is started in its place.
    """
    monkeypatch.setenv("PREFECT_API_URL", address.format(port=free_port()))

    with (
        pytest.raises(ServerNotStarted, match=r"PREFECT_API_URL=.*; start it, or unset the variable"),
        serving(tmp_path),
    ):
        pass

    assert [] == list(tmp_path.iterdir())


def test_a_server_that_cannot_start_is_reported_at_once(tmp_path, monkeypatch):
    """
    Its port is taken: the error names the log, and comes long before the time-out.
    """
    for name in ("PREFECT_API_URL", "PREFECT_HOME"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(ServerNotStarted) as caught, serving(tmp_path / "home", port=taken.getsockname()[1]):
            pass

    assert str(tmp_path / "home" / "server.log") in str(caught.value)
    assert not {"PREFECT_API_URL", "PREFECT_HOME"} & set(os.environ)


def test_a_free_port_is_free():
    """
    What is offered can be listened at; what somebody listens at cannot.
    """
    port = free_port()

    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)


def test_a_guard_ends_without_its_owner():
    """
    The guard's standard input is closed from the beginning, as after ``kill -9`` of its owner: it does not stay.
    """
    port = free_port()

    subprocess.run(
        [sys.executable, "-m", "flows.server", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )

    assert is_free(port)


def ask_status(api_url: str) -> int:
    with socket.create_connection(("127.0.0.1", int(api_url.rpartition(":")[2].partition("/")[0]))) as connection:
        connection.sendall(b"GET /api/health HTTP/1.0\r\n\r\n")
        return int(connection.recv(64).split()[1])
