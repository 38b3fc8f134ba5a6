"""Rows are parted into good and refused ones, and every refusal says why."""

from __future__ import annotations

import math

import polars as pl
import pytest

from tasks import schema
from tasks.collect.check import REASON, aligned, checked, last_by_key, without_owner
from tasks.schema.files import Identities
from tasks.schema.probes import Probes, VideoStreams
from tests.schema.builders import a_movie_name, a_probe, a_row, a_video_stream


def probes(*rows):
    return Probes.frame(rows)


@pytest.mark.parametrize("table", schema.warehouse_tables(), ids=lambda t: t.table_name())
def test_a_right_row_of_every_table_passes(table):
    """
    The checks of every table accept a row that keeps them.
    """
    frame = table.frame([a_row(table)])

    parted = checked(table, aligned(table, frame))

    assert (1, 0) == (parted.good.height, parted.refused.height)


def test_a_refused_row_names_column_value_and_check():
    """
    A length of -1 s breaks "greater than 0"; the good row beside it stays.
    """
    parted = checked(Probes, probes(a_probe("good"), a_probe("bad", duration_s=-1.0)))

    assert ["good"] == parted.good["file_id"].to_list()
    assert [("bad", "duration_s=-1.0 fails greater_than(0)")] == parted.refused.select("file_id", REASON).rows()


def test_all_faults_of_a_row_are_told_at_once():
    """
    Nobody mends a row twice: two broken columns are two sentences.
    """
    parted = checked(Probes, probes(a_probe("bad", duration_s=0.0, size_bytes=-5)))

    [reason] = parted.refused[REASON].to_list()
    assert "duration_s=0.0 fails greater_than(0)" in reason
    assert "size_bytes=-5 fails greater_than_or_equal_to(0)" in reason


def test_a_hole_where_none_may_be_refuses_the_row():
    """
    A null in a column that must be known sends the row, not the run, away.
    """
    parted = checked(Probes, probes(a_probe("a"), a_probe("b", size_bytes=None)))

    assert [("b", "size_bytes=null fails not_nullable")] == parted.refused.select("file_id", REASON).rows()


def test_patterns_and_lists_of_values_are_checked():
    """
    An IMDb id has at least five digits, a kind is one of four.
    """
    names = Identities.frame([a_movie_name("a", imdb_id="tt1"), a_movie_name("b", kind="opera"), a_movie_name("c")])

    parted = checked(Identities, names)

    assert ["c"] == parted.good["file_id"].to_list()
    assert ["a", "b"] == parted.refused["file_id"].to_list()


def test_no_number_is_null():
    """
    NaN is not a length; the file is kept and its length unknown.
    """
    parted = checked(Probes, aligned(Probes, probes(a_probe(duration_s=math.nan))))

    assert [None] == parted.good["duration_s"].to_list()


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite_numbers_are_refused(value):
    """
    A division by zero upstream does not become a fact, also where a column has no upper bound.
    """
    parted = checked(VideoStreams, VideoStreams.frame([a_video_stream(rotation_deg=value)]))

    assert ["rotation_deg is infinite"] == parted.refused[REASON].to_list()


def test_a_long_value_is_cut():
    """
    A kind of 10,000 letters does not make a reason of 10,000 letters.
    """
    parted = checked(Identities, Identities.frame([a_movie_name(kind="é" * 10_000)]))

    [reason] = parted.refused[REASON].to_list()
    assert len(reason) < 300


def test_faults_are_found_past_the_rows_of_one_check():
    """
    Rows are checked 100,000 at a time; the 100,001st and the 250,000th are named as what they are.
    """
    count = 250_001
    frame = probes(a_probe())
    frame = pl.concat([frame] * count).with_columns(
        file_id=pl.int_range(count).cast(pl.String),
        duration_s=pl.when(pl.int_range(count).is_in([100_000, 250_000])).then(-1.0).otherwise(1.0),
    )

    parted = checked(Probes, frame)

    assert ["100000", "250000"] == parted.refused["file_id"].to_list()
    assert count - 2 == parted.good.height


def test_a_missing_column_is_our_bug():
    """
    Rows of another shape stop the run: no row of them can be trusted.
    """
    with pytest.raises(KeyError, match="playable"):
        aligned(Probes, probes(a_probe()).drop("playable"))


def test_another_type_is_our_bug():
    """
    A number that was staged as text is not guessed back into a number.
    """
    frame = probes(a_probe()).with_columns(pl.col("size_bytes").cast(pl.String))

    with pytest.raises(TypeError, match="size_bytes was staged as String"):
        aligned(Probes, frame)


def test_a_column_of_nulls_takes_the_type_of_the_table():
    """
    A frame that knows no title at all has a column without type, which is no fault.
    """
    frame = probes(a_probe()).with_columns(title=pl.lit(None), duration_s=pl.lit(None))

    assert Probes.dtypes() == dict(aligned(Probes, frame).schema)


def test_the_later_twin_stays():
    """
    Of two rows with one key the later one holds, even when it is the wrong one: it is then refused, not replaced.
    """
    frame = probes(a_probe("a", size_bytes=1), a_probe("b", size_bytes=2), a_probe("a", size_bytes=3))

    kept = last_by_key(Probes, frame)

    assert [("b", 2), ("a", 3)] == kept.select("file_id", "size_bytes").rows()


def test_rows_without_a_key_are_no_twins():
    """
    Two rows whose key is a hole are two faults, not one row.
    """
    frame = probes(a_probe(None), a_probe("a"), a_probe(None), a_probe("a"))

    assert [None, None, "a"] == last_by_key(Probes, frame)["file_id"].to_list()


def test_parts_go_with_their_owner():
    """
    The streams of a refused probe are set aside with its reason.
    """
    refused = checked(Probes, probes(a_probe("bad", duration_s=-1.0))).refused
    streams = VideoStreams.frame([a_video_stream("bad", 0), a_video_stream("good", 0), a_video_stream("bad", 1)])

    parted = without_owner(streams, refused, owner=Probes)

    assert ["good"] == parted.good["file_id"].to_list()
    assert ["part of a row of probes that was refused: duration_s=-1.0 fails greater_than(0)"] * 2 == parted.refused[
        REASON
    ].to_list()
