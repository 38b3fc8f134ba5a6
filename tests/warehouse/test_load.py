"""Loading is idempotent, whole, and done in few statements."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import duckdb
import polars as pl
import pytest

from tasks import schema
from tasks.core.settings import WarehouseSettings
from tasks.schema.probes import Probes
from tasks.schema.runs import OUTCOMES
from tasks.warehouse.load import load, load_collected
from tasks.warehouse.migrate import migrate
from tasks.warehouse.runs import write_run_record
from tasks.warehouse.task import load as door
from tests.schema.builders import (
    NOON,
    a_collected,
    a_file,
    a_probe,
    a_record,
    a_row,
    a_title,
    a_video_stream,
    an_episode,
)

EACH_INSERT = pytest.mark.parametrize("place", ["tables", "rows"], indirect=True)
"""For tests of what is replaced: the way that is for comparisons does the same."""
ODD = "we[i]rd*=1 \N{FILM FRAMES} [red] \"quoted\" 'x'"


class Place:
    """A data folder with its warehouse."""

    def __init__(self, folder, insert):
        self.folder = folder
        self.settings = WarehouseSettings(threads=2, insert=insert)
        self.warehouse = folder / "warehouse.duckdb"

    def load(self, run_id="run-1", **tables):
        collected = a_collected(self.folder / "staging" / run_id / "collected", run_id, **tables)
        return load(collected, self.warehouse, data_dir=self.folder, settings=self.settings)

    def ask(self, sql):
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.sql(sql).pl().rows()

    def contents(self):
        """Digest of the rows of every table, whatever their order."""
        digests = {}
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            for table in schema.warehouse_tables():
                rows = sorted(repr(row) for row in connection.sql(f"SELECT * FROM {table.table_name()}").pl().rows())
                digests[table.table_name()] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
        return digests


@pytest.fixture
def place(tmp_path, request):
    return Place(tmp_path / ODD, getattr(request, "param", "tables"))


def test_the_first_load_makes_the_warehouse(place):
    """
    Rows, all tables and all views are there, and nothing lies beside the file.
    """
    result = place.load(files=[a_file("a"), a_file("b")], probes=[a_probe("a")])

    assert {"files": 2, "probes": 1} == result.rows
    assert (True, place.warehouse.stat().st_size) == (result.published, result.bytes_written)
    assert [("a",), ("b",)] == place.ask("SELECT file_id FROM library ORDER BY file_id")
    assert {"warehouse.duckdb", "staging"} == {path.name for path in place.folder.iterdir()}


@EACH_INSERT
def test_one_row_of_every_table_is_loaded_as_it_is(place):
    """
    Each table takes its row and gives it back unchanged.
    """
    place.load("x", **{t.table_name(): [a_row(t)] for t in schema.warehouse_tables()})

    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        for table in schema.warehouse_tables():
            back = connection.sql(f"SELECT * FROM {table.table_name()}").pl().cast(table.dtypes())
            assert table.frame([a_row(table)]).equals(back.select(list(table.dtypes()))), table


@EACH_INSERT
def test_texts_stay_what_they_are(place):
    """
    A name is data, whatever it looks like.
    """
    texts = ["two\nlines", "\N{FILM FRAMES}", "[red]x", "a\x00b", "'; DROP TABLE files; --", "é" * 5000]

    place.load(files=[a_file(str(number), path=text) for number, text in enumerate(texts)])

    assert [(text, text.encode()) for text in texts] == place.ask("SELECT path, path_bytes FROM files ORDER BY file_id")


@EACH_INSERT
def test_loading_twice_gives_the_same_tables(place):
    """
    A load that is executed twice (a retry, a crash after the rename) doubles nothing.
    """
    tables = {
        "files": [a_file("a"), a_file("b")],
        "probes": [a_probe("a"), a_probe("b")],
        "video_streams": [a_video_stream("a"), a_video_stream("b")],
        "failures": [a_row(schema.table("failures"), run_id="run-1", item_id="c")],
    }
    place.load(**tables)
    before = place.contents()

    place.load(**tables)

    assert before == place.contents()


@EACH_INSERT
def test_keys_stay_unique_without_an_index(place):
    """
    A second row with the same key takes the first's place, in every table.
    """
    tables = {t.table_name(): [a_row(t)] for t in schema.warehouse_tables()}

    place.load("x", **tables)
    place.load("x", **tables)

    counts = {name: place.ask(f"SELECT count(*) FROM {name}")[0][0] for name in tables}
    assert dict.fromkeys(tables, 1) == counts


@EACH_INSERT
def test_other_rows_stay(place):
    """
    b is measured again; a and its stream are as they were.
    """
    place.load(
        probes=[a_probe("a", size_bytes=1), a_probe("b", size_bytes=1)],
        video_streams=[a_video_stream("a"), a_video_stream("b")],
    )

    place.load(probes=[a_probe("b", size_bytes=2)], video_streams=[a_video_stream("b", codec="hevc")])

    assert [("a", 1, "h264"), ("b", 2, "hevc")] == place.ask(
        "SELECT file_id, size_bytes, codec FROM probes JOIN video_streams USING (file_id) ORDER BY file_id"
    )


@EACH_INSERT
def test_a_file_measured_again_keeps_no_stream_it_no_longer_has(place):
    """
    Three streams, then one, then none.
    """
    place.load(probes=[a_probe("a")], video_streams=[a_video_stream("a", i) for i in range(3)])

    place.load(probes=[a_probe("a")], video_streams=[a_video_stream("a", 1)])
    assert [(1,)] == place.ask("SELECT stream_index FROM video_streams")

    place.load(probes=[a_probe("a")])
    assert [] == place.ask("SELECT stream_index FROM video_streams")


@EACH_INSERT
def test_parts_without_their_owner_replace_their_kind(place):
    """
    Episodes that come alone take the place of all episodes of their show, and of no other's.
    """
    place.load(
        titles=[a_title("show:tmdb:1"), a_title("show:tmdb:2")],
        episodes=[an_episode("show:tmdb:1", 1, 1), an_episode("show:tmdb:1", 1, 2), an_episode("show:tmdb:2", 1, 1)],
    )

    place.load(episodes=[an_episode("show:tmdb:1", 1, 3)])

    assert [("show:tmdb:1", 3), ("show:tmdb:2", 1)] == place.ask(
        "SELECT title_id, episode_number FROM episodes ORDER BY ALL"
    )
    assert [(2,)] == place.ask("SELECT count(*) FROM titles")


@EACH_INSERT
class TestPurges:
    def test_all_that_is_known_of_a_purged_file_goes(self, place):
        """
        Every table with rows of files has one of each of two files; only what happened to the first is left of it.
        """
        of_files = [t for t in schema.warehouse_tables() if "file_id" in t.key()]
        rows = {t.table_name(): [a_row(t, file_id=name) for name in ("gone", "kept")] for t in of_files}
        place.load(**rows)

        result = place.load("run-2", purges=[{"file_id": "gone"}])

        left = {name: [i for (i,) in place.ask(f"SELECT file_id FROM {name} ORDER BY ALL")] for name in rows}
        assert {"files", "probes", "video_streams", "identities", "content_hashes", "file_events"} <= left.keys()
        assert {name: ["kept"] for name in rows} | {"file_events": ["gone", "kept"]} == left
        assert (True, {}) == (result.published, result.rows)

    def test_what_was_staged_for_a_purged_file_goes_too(self, place):
        """
        A row that a step left for a file that goes is not loaded; another file's is.
        """
        place.load(files=[a_file("gone"), a_file("kept")])

        place.load("run-2", probes=[a_probe("gone"), a_probe("kept")], purges=[{"file_id": "gone"}])

        assert [("kept",)] == place.ask("SELECT file_id FROM probes")
        assert [("kept",)] == place.ask("SELECT file_id FROM files")

    def test_a_purge_of_nothing_known_harms_nobody(self, place):
        """
        A load that is executed twice purges the second time what is not there.
        """
        place.load(files=[a_file("kept")])

        for _ in range(2):
            place.load("run-2", purges=[{"file_id": "never seen"}])

        assert [("kept",)] == place.ask("SELECT file_id FROM files")


@EACH_INSERT
def test_events_of_a_retried_run_are_those_of_its_last_attempt(place):
    """
    The first attempt told of two files, the retry of one; what another run told stays.
    """
    events = schema.table("file_events")
    place.load("old", file_events=[a_row(events, run_id="old", file_id="x")])
    place.load(file_events=[a_row(events, run_id="run-1", file_id=name) for name in ("a", "b")])

    place.load(file_events=[a_row(events, run_id="run-1", file_id="a")])

    assert [("old", "x"), ("run-1", "a")] == place.ask("SELECT run_id, file_id FROM file_events ORDER BY ALL")


def test_nothing_collected_writes_nothing(place):
    """
    An unchanged library: the file is not touched, not even copied.
    """
    place.load(files=[a_file("a")])
    before = (place.warehouse.stat().st_ino, place.warehouse.stat().st_mtime_ns, place.warehouse.read_bytes())

    result = place.load("run-2")

    assert ({}, 0, False) == (result.rows, result.bytes_written, result.published)
    assert before == (place.warehouse.stat().st_ino, place.warehouse.stat().st_mtime_ns, place.warehouse.read_bytes())


def test_an_empty_library_has_a_warehouse_too(place):
    """
    The first run makes the file even if it found nothing, so that queries have something to ask.
    """
    assert place.load().published
    assert [] == place.ask("FROM library")


def test_two_hundred_thousand_rows_go_in_one_statement_a_table(tmp_path):
    """
    DuckDB's own log of queries: one transaction, one delete and one insert for each of the two tables.
    """
    count = 200_000
    ids = pl.select(file_id=pl.int_range(count).cast(pl.String))
    probes = ids.join(Probes.frame([a_probe()]).drop("file_id"), how="cross")
    streams = ids.join(schema.table("video_streams").frame([a_video_stream()]).drop("file_id"), how="cross")
    collected = a_collected(tmp_path / "collected", probes=probes, video_streams=streams)
    connection = duckdb.connect()
    migrate(connection)
    connection.execute("CALL enable_logging('QueryLog')").fetchall()

    connection.begin()
    rows = load_collected(connection, collected)
    connection.commit()

    connection.execute("CALL disable_logging()").fetchall()
    said = [q for (q,) in connection.execute("SELECT message FROM duckdb_logs WHERE type = 'QueryLog'").fetchall()]
    for table in ("probes", "video_streams"):
        assert 1 == sum(query.startswith(f'DELETE FROM "{table}"') for query in said), said
        assert 1 == sum(query.startswith(f'INSERT INTO "{table}"') for query in said), said
    assert 2 == sum(query.startswith("INSERT") for query in said)
    assert {"probes": count, "video_streams": count} == rows


def test_rows_of_a_statement_are_recorded(place, records):
    """
    The budget of 1,000 rows a statement can be read off the timings of any run.
    """
    place.load(files=[a_file(str(i)) for i in range(3)])

    assert [("files", 3)] == [(r.item, r.value) for r in records if r.name == "load.rows_per_statement"]
    assert {"warehouse.migrate", "load.delete", "load.insert", "warehouse.commit", "warehouse.swap"} <= {
        r.name for r in records
    }


def test_the_door_gives_what_the_room_gives(tmp_path):
    """
    The step takes plain values.
    """
    collected = a_collected(tmp_path / "collected", files=[a_file("a")])

    result = door.fn(collected, str(tmp_path / "warehouse.duckdb"), str(tmp_path))

    assert ({"files": 1}, True) == (result.rows, result.published)


ROOT = a_row(schema.table("run_roots"), root="/videos", folder="/videos", state="held back", held_back_count=40)
del ROOT["run_id"]
STAGE = {"stage": "probe"} | dict.fromkeys((f"{o}_count" for o in ("total", *OUTCOMES)), 0)


class TestRuns:
    def test_a_record_waits_for_the_next_load(self, place):
        """
        An unchanged run leaves a record and no write; the next run that loads brings both in.
        """
        place.load(files=[a_file("a")])
        write_run_record(place.folder, a_record("quiet", run_stages=[STAGE]))
        assert not place.load("quiet").published
        write_run_record(place.folder, a_record("busy", started_at=NOON + timedelta(days=1)))

        place.load("busy", files=[a_file("b")])

        assert [("busy",), ("quiet",)] == place.ask("SELECT run_id FROM runs ORDER BY run_id")
        assert [("quiet", "probe")] == place.ask("SELECT run_id, stage FROM run_stages")

    def test_roots_of_a_run_are_loaded_and_older_records_have_none(self, place):
        """
        How a root was found stands beside the run; the record of an earlier version of the program is loaded as before.
        """
        write_run_record(place.folder, a_record("older"))
        write_run_record(place.folder, a_record("newer", run_roots=[ROOT]))

        place.load("newer", files=[a_file("a")])

        assert [("newer",), ("older",)] == place.ask("SELECT run_id FROM runs ORDER BY run_id")
        assert [("newer", "/videos", "held back", 40)] == place.ask(
            "SELECT run_id, root, state, held_back_count FROM run_roots"
        )

    def test_the_end_of_a_run_is_brought_in_later(self, place):
        """
        A run writes its record before its load and once more when it has ended.
        """
        write_run_record(place.folder, a_record("run-1", finished_at=None, wall_s=None))
        place.load(files=[a_file("a")])
        write_run_record(place.folder, a_record("run-1", wall_s=61.5))

        place.load("run-2", files=[a_file("b")])

        assert [(61.5, NOON)] == place.ask("SELECT wall_s, finished_at FROM runs")

    @EACH_INSERT
    def test_failures_of_a_retried_run_go_when_they_are_mended(self, place):
        """
        The same run fails, is retried, and then has no failures: none are left, those of other runs stay.
        """
        failures = schema.table("failures")
        place.load("old", failures=[a_row(failures, run_id="old", item_id="x")])
        place.load("run-1", failures=[a_row(failures, run_id="run-1", item_id="a")])

        place.load("run-1", files=[a_file("a")])

        assert [("old", "x")] == place.ask("SELECT run_id, item_id FROM failures")

    @EACH_INSERT
    def test_a_record_does_not_double_what_was_collected(self, place):
        """
        The record of the run repeats its failures; they stand in the warehouse once.
        """
        row = a_row(schema.table("failures"), run_id="run-1", item_id="a")
        told = {name: value for name, value in row.items() if name != "run_id"}
        write_run_record(place.folder, a_record("run-1", failures=[told]))

        place.load(failures=[row])
        write_run_record(place.folder, a_record("run-1", failures=[told]))
        place.load("run-2", files=[a_file("a")])

        assert [("run-1", "a")] == place.ask("SELECT run_id, item_id FROM failures")

    @EACH_INSERT
    def test_a_broken_record_stops_nobody(self, place):
        """
        It is set aside with its path and reason; the others are loaded.
        """
        write_run_record(place.folder, a_record("good"))
        (place.folder / "runs" / "torn.json").write_text('{"run_id": "torn", ')
        (place.folder / "runs" / "wrong.json").write_text('{"run_id": "wrong"}')
        (place.folder / "runs" / "list.json").write_text("[1, 2]")

        place.load(files=[a_file("a")])

        assert [("good",)] == place.ask("SELECT run_id FROM runs")
        assert [("run-1", "runs", "list"), ("run-1", "runs", "torn"), ("run-1", "runs", "wrong")] == place.ask(
            "SELECT run_id, refused_by, row_key FROM quarantine ORDER BY row_key"
        )

    @pytest.mark.parametrize(
        "wrong", [{"file_count": None}, {"file_count": "many"}, {"state": "fine"}, {"run_id": "../../x"}], ids=str
    )
    def test_a_wrong_record_is_refused_when_it_is_written(self, place, wrong):
        """
        A bug is seen by the run that has it, not by all later ones.
        """
        with pytest.raises(Exception, match=next(iter(wrong)).replace("run_id", "run id")):
            write_run_record(place.folder, a_record() | wrong)

        assert not (place.folder / "runs").exists()
