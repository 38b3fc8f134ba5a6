"""Whether a benchmark can be run is known before it begins."""

from __future__ import annotations

import pytest

from flows.lab_ready import must_be_ready
from tasks.core.errors import Refused, StorageNotWritable
from tasks.lab.profiles import overlay

PROFILES = {name: overlay(name) for name in ("baseline", "all-but-program-calls", "optimized", "all-but-inserts")}


def test_without_ffprobe_it_names_the_profiles_that_need_it(tmp_path, monkeypatch):
    """
    The program is not on the path: what to install, for which profiles, and nothing is made.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(Refused, match=r"ffprobe is needed for baseline, all-but-program-calls: install it"):
        must_be_ready(tmp_path / "bench", PROFILES)

    assert [] == list(tmp_path.iterdir())


def test_profiles_that_measure_without_ffprobe_do_not_need_it(tmp_path, monkeypatch):
    """
    The folder is made, and nothing is left in it.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    must_be_ready(tmp_path / "new" / "bench", {name: PROFILES[name] for name in ("optimized", "all-but-inserts")})

    assert [] == list((tmp_path / "new" / "bench").iterdir())


@pytest.mark.usefixtures("without_privileges")
@pytest.mark.parametrize("name", ["shut", "shut/bench", "file", "file/bench"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path, name):
    """
    It may not be written, or made, or is a file.
    """
    (tmp_path / "shut").mkdir(mode=0o500)
    (tmp_path / "file").touch()

    with pytest.raises(StorageNotWritable, match=f"{name} cannot be written: .*; choose another folder"):
        must_be_ready(tmp_path / name, {})
