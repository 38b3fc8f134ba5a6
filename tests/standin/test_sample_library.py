"""The library that grows night by night."""

from __future__ import annotations

from collections import Counter

import av
import pytest

from tasks.standin.sample_library import DAMAGED_EVERY, NIGHTS, make_sample_library, sample_files


def test_every_file_has_a_name_of_its_own():
    """
    As many files as the last night has, two in three of them films, one in 37 damaged.
    """
    files = sample_files()

    assert NIGHTS[-1] == len({file.name for file in files})
    assert {"Films": 164, "Shows": 81} == Counter(file.name.parts[0] for file in files)
    assert NIGHTS[-1] // DAMAGED_EVERY == sum(file.is_damaged for file in files)


def test_some_films_are_there_twice():
    """
    One film in eight has a second version beside it: 18 of 146, which makes 164 files.
    """
    films = Counter(file.name.parent for file in sample_files() if file.name.parts[0] == "Films")

    assert {1: 128, 2: 18} == Counter(films.values())


def test_the_library_never_shrinks():
    """
    A night has at least the files of the one before; two nights bring nothing.
    """
    assert sorted(NIGHTS) == list(NIGHTS)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, make_sample_library(folder / "videos", 0, kept=folder / "clips")


def test_files_are_videos_and_no_two_are_alike(first_night):
    """
    Each is opened by PyAV, whatever its container, though every one was made another by some bytes at its end.
    """
    _, made = first_night

    for path in made:
        with av.open(str(path)) as container:
            assert 1 == len(container.streams.video)
    assert NIGHTS[0] == len({path.read_bytes() for path in made})


def test_what_is_there_stays(first_night):
    """
    Made again, no file is written.
    """
    folder, made = first_night
    before = [path.stat().st_mtime_ns for path in made]

    again = make_sample_library(folder / "videos", 0, kept=folder / "clips")

    assert (made, before) == (again, [path.stat().st_mtime_ns for path in again])
