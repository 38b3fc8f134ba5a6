"""One server and one toy library for all tests of the room that do not change them."""

from __future__ import annotations

import httpx
import pytest

from tasks.standin.library import make_toy_library
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
def toy_library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    make_toy_library(folder)
    return folder
