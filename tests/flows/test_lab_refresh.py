"""A measured refresh asks nobody whom the lab does not name. About fifteen seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.benchmark_runs import program
from flows.lab_refresh import measured_refresh
from flows.notify import BLOCK
from flows.refresh import TOKEN_BLOCKS
from flows.server import Server
from tasks.standin.running import StandIn
from tests.flows.house import TOKEN


@pytest.fixture
def watched(prefect: Server, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Somebody's Prefect server, with a token and an address in its blocks; both lead to a service that is watched."""
    for name in ("TMDB_TOKEN", "NOTIFY_URLS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_API_URL", prefect.api_url)
    held = {TOKEN_BLOCKS["tmdb"]: TOKEN, BLOCK: standin.url.replace("http://", "json://") + "/told"}
    standin.clear()
    with temporary_settings({PREFECT_API_URL: prefect.api_url}):
        for name, value in held.items():
            Secret(value=value).save(name)
        try:
            yield standin
        finally:
            for name in held:
                Secret.delete(name)


def some_settings(data: Path, service: StandIn) -> dict[str, Any]:
    return {"data_dir": str(data), "scrape": {"base_url": service.api_url}, "notify": {"on": "always"}}


def test_blocks_of_a_server_are_not_asked_for_whom_nobody_is_to_be_asked(watched, toy_library, tmp_path):
    """
    The same refresh asks and tells them where the variables are not set: the blocks are such that it could.
    """
    films = str(next(folder for folder in sorted((toy_library / "Movies").iterdir()) if folder.is_dir()))

    row = measured_refresh(films, some_settings(tmp_path / "lab", watched), token="", service=None).row
    by_the_lab = watched.requests().entries
    program("refresh_on_server", {"root": films, "settings": some_settings(tmp_path / "own", watched)})

    assert [] == by_the_lab
    assert (0, 0) == (row["call_count"], row["image_request_count"])
    assert row["file_count"] > 0
    assert {("GET", True), ("POST", False)} <= {
        (entry.method, entry.address.startswith("/3/search/")) for entry in watched.requests().entries
    }
