"""Two warehouses are the same but for when and with what they were made, or the rows that differ are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from tasks.lab.equality import SHOWN, TablesDiffer, compared_columns, compared_tables, differences
from tasks.schema import table
from tests.report.a_library import make_warehouse, the_library

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Path:
    return make_warehouse(tmp_path_factory.mktemp("warehouse") / "warehouse.duckdb", the_library())


@pytest.fixture
def pair(tmp_path: Path, warehouse: Path) -> Pair:
    """Two warehouses with the same rows."""
    paths = tmp_path / "first.duckdb", tmp_path / "it's second.duckdb"
    for path in paths:
        shutil.copyfile(warehouse, path)
    return paths


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_equal_tables_are_equal(pair):
    """
    Row by row, also where a path has a quote in it.
    """
    assert [] == differences(*pair)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE probes SET probed_at = TIMESTAMPTZ '2001-01-01', engine = 'ffprobe', engine_version = '1'",
        "UPDATE files SET first_seen_at = TIMESTAMPTZ '2001-01-01'",
        "DELETE FROM run_stages",
        "DELETE FROM runs",
    ],
)
def test_when_and_with_what_does_not_count(pair, statement):
    """
    Two runs cannot agree in them.
    """
    change(pair[1], statement)

    assert [] == differences(*pair)


@pytest.mark.parametrize(
    ("length_s", "rate_bps", "expected"),
    [
        (3600.1, 999_972, []),  # 3,600 Mbit in 3,600.1 s
        (3599.9, 1_000_028, []),
        (3600.001, 1_000_000, []),
        (3600.1, 999_900, []),  # off by 72 in a million, where 100 are let pass
        (3600.1, 999_800, ["bitrate_bps"]),
        (3600.0, 999_999, ["bitrate_bps"]),  # nothing that it could follow from
        (3600.11, 999_969, ["duration_s"]),
        (3599.89, 1_000_031, ["duration_s"]),
        (None, 1_000_000, ["duration_s"]),
        (3600.0, None, ["bitrate_bps"]),
    ],
)
def test_lengths_may_differ_by_a_tenth_of_a_second_and_rates_follow(pair, length_s, rate_bps, expected):
    """
    A file of 3,600 s and 1,000,000 bit/s: versions of FFmpeg differ in its length, and so in its mean rate. More than
    that, or a rate that does not follow from the length, is a difference.
    """
    file_id = "harbour"
    change(pair[0], f"UPDATE probes SET duration_s = 3600, bitrate_bps = 1000000 WHERE file_id = '{file_id}'")
    with duckdb.connect(str(pair[1])) as connection:
        values = [length_s, rate_bps, file_id]
        connection.execute("UPDATE probes SET duration_s = ?, bitrate_bps = ? WHERE file_id = ?", values)

    assert [("probes", file_id, what) for what in expected] == [
        (one.table, one.key, one.what) for one in differences(*pair)
    ]


@pytest.mark.parametrize(
    ("table_name", "length_s", "expected"),
    [("video_streams", 60.1, 0), ("video_streams", 60.11, 1), ("audio_streams", 60.001, 1)],
)
def test_of_streams_only_pictures_may_be_one_more(pair, table_name, length_s, expected):
    """
    The length of a sound track is known by all versions alike.
    """
    for path, value_s in zip(pair, (60.0, length_s), strict=True):
        change(path, f"UPDATE {table_name} SET duration_s = {value_s} WHERE file_id = 'harbour' AND stream_index < 3")

    found = {one.what for one in differences(*pair)}

    assert ({"duration_s"} if expected else set()) == found


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE titles SET title = title || '!' WHERE title_id = ?", "title"),
        ("UPDATE titles SET title = 'x', tagline = 'y' WHERE title_id = ?", "title, tagline"),
        ("DELETE FROM titles WHERE title_id = ?", "only in the first"),
    ],
)
def test_a_row_that_differs_is_named(pair, statement, expected):
    """
    Table, key and columns, or on which side alone it is; null differs from a value.
    """
    with duckdb.connect(str(pair[1])) as connection:
        (title_id,) = connection.execute("SELECT min(title_id) FROM titles").fetchall()[0]
        connection.execute(statement, [title_id])

    first = differences(*pair)[0]

    assert ("titles", title_id, expected) == (first.table, first.key, first.what)


def test_other_sides_are_told(pair):
    """
    A row that only the second one has, and that the numbers of rows differ.
    """
    change(pair[0], "DELETE FROM audio_streams")

    found = [one for one in differences(*pair) if one.table == "audio_streams"]

    assert "only in the second" == found[0].what
    assert found[-1].what.startswith("0 in the first")


def test_many_differences_are_not_all_shown(pair):
    """
    A table that is all wrong is named by its first rows.
    """
    change(pair[1], "UPDATE files SET size_bytes = size_bytes + 1")

    assert 0 < len(differences(*pair)) <= SHOWN


def test_only_what_cannot_be_equal_is_left_out():
    """
    Times and how it was measured; sizes, codecs and titles are compared, and tables about runs are not.
    """
    names = {one.table_name() for one in compared_tables()}
    probes = {column.name for column in compared_columns(table("probes"))}

    assert {"files", "probes", "video_streams", "titles", "credits", "people", "artwork"} <= names
    assert not {"runs", "run_stages", "failures", "file_events", "responses"} & names
    assert {"size_bytes", "duration_s", "bitrate_bps", "container"} <= probes
    assert not {"engine", "engine_version", "probed_at", "file_id"} & probes


def test_the_error_names_profiles_and_rows(pair):
    """
    What a person reads where the benchmark ends, and where to look further.
    """
    change(pair[1], "UPDATE titles SET title = 'other'")
    found = differences(*pair)

    words = str(TablesDiffer(sides=("baseline", "optimized"), found=found, kept_in=Path("kept here")))

    assert words.endswith("the warehouses of both are kept in kept here")
    assert "baseline and optimized do not give the same tables" in words
    assert f"titles [{found[0].key}]: title" in words
