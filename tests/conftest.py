"""Fixtures for every room."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tasks.core import stopwatch
from tasks.http import loop
from tasks.standin.library import make_toy_library
from tasks.standin.server import StandInOptions

_CAPABILITY_VERSION = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def pytest_configure() -> None:
    """Let Ctrl-C be an error here and in all that is started.

    A shell ignores it for what it starts in the background, and every process inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def without_privileges() -> Iterator[None]:
    """Let this thread be refused what the system refuses ordinary users, also where the tests run as root.

    Root reads what it likes by two capabilities (capabilities(7)); they are laid down for the test and taken up again.
    """
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root cannot lay its privileges down on this system")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits each
    assert 0 == libc.capget(header, before)
    laid_down = (ctypes.c_uint32 * 6)(*before)
    laid_down[0] &= ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    assert 0 == libc.capset(header, laid_down)
    try:
        yield
    finally:
        assert 0 == libc.capset(header, before)


@pytest.fixture
def records() -> Iterator[list[stopwatch.Record]]:
    """What is measured while the test runs, in the order in which it ended."""
    kept: list[stopwatch.Record] = []
    before = stopwatch.listen(kept.append)
    yield kept
    stopwatch.listen(before)


@pytest.fixture
def standin_token(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The token that a stand-in accepts, in the environment; the loop that asks with it ends with the test."""
    monkeypatch.setenv("TMDB_TOKEN", StandInOptions().token)
    yield
    loop.close()


@pytest.fixture(scope="session")
def toy_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy library, encoded once for all processes of a test run; nobody changes it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each of pytest-xdist's processes has a folder of its own in it
    library = folder / "toy" / "library"
    library.parent.mkdir(exist_ok=True)
    with FileLock(library.with_name("lock")):
        if not library.exists():
            made = library.with_name("made")
            make_toy_library(made)
            made.rename(library)
    return library
