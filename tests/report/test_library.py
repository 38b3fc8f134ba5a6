"""Counts over a library whose every row was put there by hand (``a_library``)."""

from __future__ import annotations

import duckdb
import pytest

from tasks.core.errors import WarehouseDamaged
from tasks.report.library import LibraryFacts, Share, read_library
from tests.report.a_library import GIB, make_warehouse, the_library


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> LibraryFacts:
    return read_library(make_warehouse(tmp_path_factory.mktemp("warehouse") / "w.duckdb", the_library()))


def test_files_that_are_there_count(library):
    """
    11 files are there (one is gone): 4 + 20 + 9 x 1 GiB; nine of an hour and a trailer of a minute; one is unreadable.
    """
    assert (11, 33 * GIB) == (library.file_count, library.size_bytes)
    assert (9 * 3600 + 60, 1) == (library.duration_s, library.unreadable_count)
    assert 1 == library.missing_count


def test_titles_count_once(library):
    """
    Two films (one in two files, one in two parts), three shows; of episodes 3 by number, 1 by day, 1 by running number.
    """
    assert (2, 3, 5) == (library.movie_count, library.show_count, library.episode_count)
    assert (1, 1) == (library.extra_count, library.unknown_count)


def test_duplicates_are_films_and_episodes_held_twice(library):
    """
    The film in two resolutions and the episode that also stands in a double file; parts of a film are no duplicates.
    """
    assert 2 == library.duplicate_count


def test_editions_are_no_duplicates(tmp_path):
    """
    A second file with another edition is another version, not one too many.
    """
    rows = the_library()
    rows["identities"] = [
        row | ({"edition": "Director's Cut"} if row["file_id"] == "harbour" else {}) for row in rows["identities"]
    ]

    assert 1 == read_library(make_warehouse(tmp_path / "w.duckdb", rows)).duplicate_count


def test_missing_episodes_have_been_broadcast(library):
    """
    Of North Pier only S01E03 is missing: specials, future episodes and those without a day do not count.
    """
    assert 1 == library.missing_episode_count


def test_unmatched_files_are_there(library):
    """
    The Salt Road, in two files, was not found; a title whose only file is gone no longer counts.
    """
    assert 2 == library.unmatched_count


def test_pictures_with_equal_content_take_space_once(library):
    """
    Three places, two contents of 1 and 2 KiB.
    """
    assert (3, 3072) == (library.artwork_count, library.artwork_size_bytes)


def test_what_the_library_is_made_of(library):
    """
    Readable files by class, largest picture first; the codec is that of the film, not of its cover; a language counts
    once a file and commentary does not.
    """
    assert (Share("2160p", 1, 20 * GIB), Share("1080p", 8, 11 * GIB), Share("480p", 1, GIB)) == library.by_quality
    assert (Share("SDR", 9, 12 * GIB), Share("HDR10", 1, 20 * GIB)) == library.by_hdr
    assert (Share("unknown", 8, 8 * GIB), Share("h264", 1, 4 * GIB), Share("hevc", 1, 20 * GIB)) == library.by_codec
    assert (Share("ger", 2, 24 * GIB), Share("und", 1, 20 * GIB)) == library.by_language


def test_an_empty_warehouse_has_no_numbers(tmp_path):
    """
    Tables without rows are zeros, not nulls.
    """
    library = read_library(make_warehouse(tmp_path / "w.duckdb", {}))

    assert (0, 0, 0, ()) == (library.file_count, library.size_bytes, library.duration_s, library.by_codec)


def test_reading_does_not_disturb_other_readers(tmp_path):
    """
    A notebook that keeps the warehouse open does not stop the report.
    """
    warehouse = make_warehouse(tmp_path / "w.duckdb", the_library())

    with duckdb.connect(str(warehouse), read_only=True):
        assert 11 == read_library(warehouse).file_count


def test_a_file_that_is_no_database_is_refused(tmp_path):
    """
    The error says which file cannot be read.
    """
    (tmp_path / "w.duckdb").write_bytes(b"not a database at all" * 1000)

    with pytest.raises(WarehouseDamaged, match=r"w\.duckdb"):
        read_library(tmp_path / "w.duckdb")
