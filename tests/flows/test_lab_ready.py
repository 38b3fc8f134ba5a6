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
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shut", "cannot be written: .*; choose another folder"),
        ("shut/bench", "cannot be written: .*; choose another folder"),
        ("file", "is no folder, or lies below a file; choose another one"),
        ("file/bench", "is no folder, or lies below a file; choose another one"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, name, said):
    """
    It may not be written, or made, or is a file.
    """
    (tmp_path / "shut").mkdir(mode=0o500)
    (tmp_path / "file").touch()

    with pytest.raises(StorageNotWritable, match=f"{name} {said}"):
        must_be_ready(tmp_path / name, {})


@pytest.mark.parametrize("name", ["why?", "b\udcff"])
def test_a_folder_that_duckdb_cannot_write_is_refused(tmp_path, name):
    """
    A question mark ends its path, and a byte that is no UTF-8 cannot be told to it. Nothing is made.
    """
    with pytest.raises(Refused):
        must_be_ready(tmp_path / name, {})

    assert [] == list(tmp_path.iterdir())
