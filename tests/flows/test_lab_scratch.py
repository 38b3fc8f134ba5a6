"""Where benchmarks work is gone with them, also where they were killed; nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flows.lab_scratch import MARK, scratch_folder

AT_WORK = """
import sys
from pathlib import Path
from flows.lab_scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "baseline-1").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_benchmark_has_left_is_removed(tmp_path, capsys):
    """
    Not while it is at work, whoever begins or ends meanwhile; who begins then says so. After kill -9 the next one
    removes it.
    """
    with subprocess.Popen(
        [sys.executable, "-c", AT_WORK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with scratch_folder(tmp_path) as ours, scratch_folder(tmp_path) as third:
            assert 3 == len({ours, third, theirs})
            assert [True] * 3 == [(folder / MARK).exists() for folder in (ours, third, theirs)]
        assert [theirs] == folders_in(tmp_path)
        assert 2 == capsys.readouterr().err.count("another benchmark is at work")
        other.kill()

    assert (theirs / "baseline-1").exists()
    with scratch_folder(tmp_path) as ours:
        assert [ours] == folders_in(tmp_path)
    assert [] == folders_in(tmp_path)
    assert "" == capsys.readouterr().err


def test_it_ends_with_an_error_too(tmp_path):
    """
    With all that lies in it.
    """
    with pytest.raises(KeyError), scratch_folder(tmp_path) as folder:
        (folder / "baseline-1").mkdir()
        raise KeyError

    assert [] == folders_in(tmp_path)


def test_folders_of_others_are_left_alone(tmp_path):
    """
    One that happens to have such a name, a link to a folder of ours elsewhere, and a file.
    """
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (data / "lab-notes", elsewhere):
        folder.mkdir(parents=True)
        (folder / "notes.txt").touch()
    (elsewhere / MARK).touch()
    (data / "lab-link").symlink_to(elsewhere)
    (data / "lab-file").touch()

    with scratch_folder(data):
        pass

    assert {"lab-notes", "lab-link", "lab-file", "lab.lock"} == {path.name for path in data.iterdir()}
    assert [True, True] == [(folder / "notes.txt").exists() for folder in (data / "lab-notes", elsewhere)]


def folders_in(data: Path) -> list[Path]:
    return [path for path in data.iterdir() if path.is_dir()]
