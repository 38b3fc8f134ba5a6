"""What the end-to-end tests share: one Prefect server, and one library refreshed twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.server import Server, serving
from tasks.standin.faults import RequestLog
from tasks.standin.running import StandIn
from tests.flows.house import Done, House, a_house, copy_records, lean, states
from tests.flows.warm import Forker


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server of ours, shared by all runs; nothing of it stays in the environment of the tests.

    It keeps no feed of events, of which automations and a page of the UI live: half of its work, and no test asks for
    it.
    """
    with pytest.MonkeyPatch.context() as outer:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            outer.delenv(name)
        for name, value in lean(tmp_path_factory.mktemp("server-modules")).items():
            outer.setenv(name, value)
        for service in ("EVENT_PERSISTER", "TRIGGERS"):
            outer.setenv(f"PREFECT_SERVER_SERVICES_{service}_ENABLED", "false")
        home = tmp_path_factory.mktemp("server")
        with serving(home) as server, pytest.MonkeyPatch.context() as inner:
            for name in [name for name in os.environ if name.startswith("PREFECT_")]:
                inner.delenv(name)
            copy_records(home, home / "first-start")
            yield server


@pytest.fixture(scope="session")
def first_start(prefect: Server) -> Path:
    """A Prefect folder as a server's first start leaves it; to start in a copy of it takes less than half the work."""
    assert prefect.log is not None
    return prefect.log.with_name("first-start")


@pytest.fixture(scope="session")
def forker(tmp_path_factory: pytest.TempPathFactory, prefect: Server) -> Iterator[Forker]:
    """What runs the commands of stories: there are many, and how they start is not what is told."""
    folder = tmp_path_factory.mktemp("forker")
    variables = {"PREFECT_API_URL": prefect.api_url, "PREFECT_HOME": str(folder / "prefect-client"), **lean(folder)}
    with closing(Forker(folder, variables)) as found:
        yield found


@dataclass(frozen=True)
class Refreshed:
    """The toy library after two refreshes, and what there was to see."""

    house: House
    library: Path
    first: Done
    second: Done
    first_requests: RequestLog
    second_requests: RequestLog
    published: tuple[bytes, int]
    """Content of the warehouse after the first one, and its time of change."""
    library_before: dict[str, tuple[int, int, int]]


@pytest.fixture(scope="session")
def refreshed(
    tmp_path_factory: pytest.TempPathFactory, prefect: Server, toy_library: Path, forker: Forker
) -> Refreshed:
    """Two refreshes of the toy library with all it needs; what they left is only read by tests."""
    before = states(toy_library)
    with StandIn() as service:
        house = a_house(tmp_path_factory.mktemp("refreshed"), prefect, service)
        first = house.refresh(toy_library)
        first_requests = service.requests()
        published = (house.data.warehouse.read_bytes(), house.data.warehouse.stat().st_mtime_ns)
        service.clear()
        second = replace(house, forker=forker).refresh(toy_library)
        return Refreshed(
            house, toy_library, first, second, first_requests, service.requests(), published, library_before=before
        )


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn() as service:
        yield service
