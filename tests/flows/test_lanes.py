"""Where batches are worked on, as far as it shows without a cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from flows.lanes import for_runner, lane
from tasks.core.errors import SettingsRefused
from tasks.core.settings import FlowSettings, ScrapeSettings, Settings

SCHEDULER = "tcp://127.0.0.1:8786"


def test_one_machine_shares_its_pace_with_nobody():
    """
    In threads no pace folder is set, and so nothing is paid for one.
    """
    assert for_runner(Settings()).scrape.pace_folder is None


def test_machines_share_their_pace_in_the_data_folder(tmp_path):
    """
    With Dask the folder is one that all of them see; all else stays as it was set.
    """
    given = Settings(data_dir=tmp_path, flow=FlowSettings(runner="dask"), scrape=ScrapeSettings(language="de-DE"))

    settings = for_runner(given)

    assert (tmp_path / "pace", "de-DE") == (settings.scrape.pace_folder, settings.scrape.language)


def test_a_pace_folder_that_was_set_stands():
    """
    Refreshes of several libraries may share one pace elsewhere.
    """
    elsewhere = ScrapeSettings(pace_folder=Path("/shared/pace"))

    settings = for_runner(Settings(flow=FlowSettings(runner="dask"), scrape=elsewhere))

    assert Path("/shared/pace") == settings.scrape.pace_folder


def test_a_cluster_without_an_address_is_refused():
    """
    The message names the setting that is missing.
    """
    settings = Settings(flow=FlowSettings(runner="dask"))

    with pytest.raises(SettingsRefused, match=r"flow\.dask_scheduler"), lane(settings, 1):
        pass


def test_a_program_without_dask_says_how_to_get_it(monkeypatch):
    """
    The extra is not installed by itself.
    """
    monkeypatch.delitem(sys.modules, "flows.machines", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    settings = Settings(flow=FlowSettings(runner="dask", dask_scheduler=SCHEDULER))

    with pytest.raises(SettingsRefused, match=r"pip install \"reelhouse\[dask\]\""), lane(settings, 1):
        pass


@pytest.mark.parametrize("address", ["host:8786", "http://host:8786", "tcp://host", "tcp://ho st:1"])
def test_an_address_that_is_none_is_refused(address):
    """
    It is refused before the run begins.
    """
    with pytest.raises(ValidationError, match="dask_scheduler"):
        FlowSettings(dask_scheduler=address)
