"""How much is done at once changes nothing about what comes out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tasks.standin.running import StandIn
from tests.flows.house import House, a_house, about_the_library

ONE_BY_ONE = {
    "probe.workers": 1, "flow.disk_threads": 1, "flow.network_threads": 1, "flow.batch_size": 2,
    "scrape.connections": 1, "artwork.connections": 1,
}  # fmt: skip
MANY_AT_ONCE = {
    "probe.workers": 3, "flow.disk_threads": 8, "flow.network_threads": 32, "flow.batch_size": 1,
    "scrape.connections": 20, "artwork.connections": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def houses(tmp_path_factory, prefect, toy_library, forker) -> dict[str, House]:
    """The toy library after a refresh with one of everything, and after one with as much at once as is allowed."""

    def refreshed_with(options: Mapping[str, int]) -> House:
        with StandIn() as service:
            house = a_house(tmp_path_factory.mktemp("workers"), prefect, service, forker)
            given = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
            done = house.refresh(toy_library, *given)
        assert 0 == done.status, done.stderr
        return house

    return {"one by one": refreshed_with(ONE_BY_ONE), "many at once": refreshed_with(MANY_AT_ONCE)}


@pytest.mark.parametrize("how", ["one by one", "many at once"])
def test_tables_do_not_depend_on_how_much_is_done_at_once(houses, refreshed, how):
    """
    All tables about the library are those of a refresh that chooses by itself, the times of the runs aside.
    """
    expected, found = about_the_library(refreshed.house), about_the_library(houses[how])

    assert {"files", "probes", "identities", "titles", "episodes", "credits", "artwork"} <= set(expected)
    for name, rows in expected.items():
        assert rows == found[name], name
