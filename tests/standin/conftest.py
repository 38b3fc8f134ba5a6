"""One server for all tests of the room, and a toy library of their own."""

from __future__ import annotations

import shutil

import httpx
import pytest

from tasks.standin.running import StandIn, StandInOptions

TOKEN = {"Authorization": "Bearer standin"}


@pytest.fixture(scope="session")
def shared_server():
    with StandIn(StandInOptions(film_count=200, show_count=40)) as server:
        yield server


@pytest.fixture
def server(shared_server):
    shared_server.set_faults()
    shared_server.clear()
    yield shared_server
    shared_server.set_faults()


@pytest.fixture
def api(server):
    with httpx.Client(base_url=server.api_url, headers=TOKEN, trust_env=False) as client:
        yield client


@pytest.fixture
def images(server):
    with httpx.Client(base_url=server.image_url, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def toy_library(tmp_path_factory, toy_library):
    """A copy, as a file of it is made anew here; how libraries are made is what the room is about."""
    return shutil.copytree(toy_library, tmp_path_factory.mktemp("toy") / "library")
