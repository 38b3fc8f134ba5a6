"""Which measurements need not be made again."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks.plan.adopt import TABLES, adopted
from tasks.schema.files import Files, Fingerprints
from tasks.schema.probes import AudioStreams, Probes, VideoStreams
from tasks.staging import write_staged
from tasks.warehouse.ddl import create_table
from tests.schema.builders import NOON, a_file, a_probe, a_row, a_video_stream, an_audio_stream

SEEN = {"size_bytes": 10, "mtime_ns": 20, "ctime_ns": 30, "inode": 40}
VERSION = "pyav 1"


def here(file_id: str = "a", **facts):
    """A file that is to be measured."""
    return a_file(file_id, **(SEEN | facts))


def made(file_id: str = "a", **facts):
    """A measurement of it."""
    return a_probe(file_id, **({"status": "ok", "engine_version": VERSION} | SEEN | facts))


class House:
    """The staging folders of this run and of others, and the other warehouses."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.staging = folder / "staging" / "this run"
        (self.staging / "known").mkdir(parents=True)
        self.warehouses: list[Path] = []

    def unloaded(self, run: str, probes, *, stage="probe", **parts):
        """A save that another run has left."""
        tables = {table.table_name(): table for table in TABLES}
        frames = {tables[name]: tables[name].frame(rows) for name, rows in parts.items()}
        frames[Probes] = probes if isinstance(probes, pl.DataFrame) else Probes.frame(probes)
        write_staged(frames, staging=self.folder / "staging" / run, stage=stage)

    def warehouse(self, name: str = "other.duckdb", **tables) -> Path:
        """Another warehouse with these rows."""
        path = self.folder / name
        by_name = {table.table_name(): table for table in TABLES}
        with duckdb.connect(str(path)) as connection:
            for table in TABLES:
                connection.execute(create_table(table)).fetchall()
            for table, rows in tables.items():
                connection.register("rows", by_name[table].frame(rows))
                connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows").fetchall()
        self.warehouses.append(path)
        return path

    def adopt(self, *files, prints=None, versions=(VERSION,)):
        prints = {} if prints is None else prints
        rows = {row["file_id"]: row for row in files}
        read = [
            {name: rows[file_id][name] for name in ("path_bytes", "size_bytes", "mtime_ns", "inode")}
            | {"fingerprint": fingerprint}
            for file_id, fingerprint in prints.items()
        ]
        found = adopted(
            Files.frame(files),
            staging=self.staging,
            fingerprints=Fingerprints.frame(read),
            warehouses=self.warehouses,
            engine_versions=versions,
        )
        for table, frame in found.rows.items():
            table.validate(frame)
        assert found.resumed_count + found.reused_count == found.file_ids.len()
        assert (not found.file_ids.len()) == (Probes not in found.rows)
        return found


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "we[i]rd=1 *")


class TestUnloadedRuns:
    def test_what_a_dead_run_has_measured_is_not_measured_again(self, house):
        """
        Row and streams come over as they were saved; files that are not asked for do not.
        """
        house.unloaded(
            "dead",
            [made("a"), made("b")],
            video_streams=[a_video_stream("a"), a_video_stream("b")],
            audio_streams=[an_audio_stream("a", 1), an_audio_stream("a", 2)],
        )

        found = house.adopt(here("a"), here("c"))

        assert (["a"], 1, ()) == (found.file_ids.to_list(), found.resumed_count, found.notes)
        assert Probes.frame([made("a")]).equals(found.rows[Probes])
        assert {Probes: 1, VideoStreams: 1, AudioStreams: 2} == {t: f.height for t, f in found.rows.items()}

    def test_where_nothing_is_to_be_measured_no_folder_of_another_run_is_read(self, tmp_path):
        """
        An unchanged library costs no look at what other runs have left: here there is not even a folder to look into.
        """
        found = adopted(Files.frame(), staging=tmp_path / "gone" / "run", fingerprints=Fingerprints.frame())

        assert (0, 0, ()) == (found.resumed_count, found.reused_count, found.notes)

    @pytest.mark.parametrize("other", ["size_bytes", "mtime_ns", "inode"])
    def test_other_content_is_measured(self, house, other):
        """
        The file has changed since: another size, time or inode.
        """
        house.unloaded("dead", [made("a")])

        assert [] == house.adopt(here("a", **{other: 99})).file_ids.to_list()

    @pytest.mark.parametrize(
        ("facts", "is_taken"),
        [
            ({"status": "unreadable"}, False),
            ({"status": "partial"}, True),
            ({"status": "partial", "ctime_ns": 31}, False),
            ({"status": "ok", "ctime_ns": 31}, True),
            ({"engine_version": "pyav 2"}, False),
        ],
    )
    def test_what_counts_as_measured(self, house, facts, is_taken):
        """
        Read whole or in part; in part only with the same rights; by a version that counts.
        """
        house.unloaded("dead", [made("a", **facts)])

        assert is_taken == (["a"] == house.adopt(here("a")).file_ids.to_list())

    def test_any_version_counts_where_none_is_named(self, house):
        """
        The policy that only changed files are measured again.
        """
        house.unloaded("dead", [made("a", engine_version="long ago")])

        assert ["a"] == house.adopt(here("a"), versions=None).file_ids.to_list()

    def test_of_several_measurements_the_newest_comes_with_its_own_parts(self, house):
        """
        Three runs died; the second measured last. Its one stream comes, not the two that the first saw.
        """
        streams = [a_video_stream("a", number, codec="vc1") for number in range(2)]
        house.unloaded("1", [made("a", probed_at=NOON)], video_streams=streams)
        later = made("a", probed_at=NOON + timedelta(hours=1))
        house.unloaded("2", [later], video_streams=[a_video_stream("a", 0, codec="av1")])
        house.unloaded("3", [made("a", probed_at=NOON)], video_streams=streams)

        found = house.adopt(here("a"))

        assert [NOON + timedelta(hours=1)] == found.rows[Probes]["probed_at"].to_list()
        assert [("a", 0, "av1")] == found.rows[VideoStreams].select("file_id", "stream_index", "codec").rows()

    def test_what_a_dead_run_had_taken_over_itself_is_there_too(self, house):
        """
        It lies with the plan, not with a batch.
        """
        house.unloaded("dead", [made("a")], stage="plan")

        assert ["a"] == house.adopt(here("a")).file_ids.to_list()

    def test_an_older_layout_has_nulls_and_a_torn_file_is_measured(self, house):
        """
        A save without the column fingerprint comes over with null in it; without one that may not be null, or cut off
        in the middle, it does not, and nothing else is lost.
        """
        house.unloaded("older", Probes.frame([made("a")]).drop("fingerprint"))
        house.unloaded("much older", Probes.frame([made("b")]).drop("playable"))
        house.unloaded("torn", [made("c")])
        [torn] = (house.folder / "staging" / "torn").glob("*/*/*/probes.parquet")
        torn.write_bytes(torn.read_bytes()[:-50])
        (house.folder / "staging" / "no folder").write_text("x")

        found = house.adopt(*(here(name) for name in "abc"))

        assert [("a", None)] == found.rows[Probes].select("file_id", "fingerprint").rows()

    def test_a_save_with_a_row_that_is_wrong_is_left(self, house):
        """
        An earlier version let pass what is refused now: its files are measured again, those of other saves are not.
        """
        house.unloaded("careless", [made("a", duration_s=-1.0), made("b")])
        house.unloaded("careful", [made("c")])

        assert ["c"] == house.adopt(*(here(name) for name in "abc")).file_ids.to_list()

    def test_this_run_takes_nothing_from_itself(self, house):
        """
        A retry plans as the first attempt did.
        """
        house.unloaded("this run", [made("a")])

        assert [] == house.adopt(here("a")).file_ids.to_list()


class TestOtherWarehouses:
    def test_the_same_content_is_not_measured_again(self, house):
        """
        Another library knows the content under another id and time: its rows come under our id, with what we see here;
        when and by what it was measured stays.
        """
        house.warehouse(
            probes=[made("theirs", fingerprint="x", mtime_ns=1, inode=2, ctime_ns=3, quality="2160p")],
            video_streams=[a_video_stream("theirs", 0, codec="hevc"), a_video_stream("not asked for")],
        )

        found = house.adopt(here("a"), here("b"), prints={"a": "x", "b": "y"})

        assert (["a"], 0, 1) == (found.file_ids.to_list(), found.resumed_count, found.reused_count)
        assert Probes.frame([made("a", fingerprint="x", quality="2160p")]).equals(found.rows[Probes])
        assert [("a", 0, "hevc")] == found.rows[VideoStreams].select("file_id", "stream_index", "codec").rows()

    def test_copies_of_one_content_are_both_served(self, house):
        """
        Two files here, one there.
        """
        house.warehouse(probes=[made("theirs", fingerprint="x")], audio_streams=[an_audio_stream("theirs")])

        found = house.adopt(here("a"), here("b"), prints={"a": "x", "b": "x"})

        assert ["a", "b"] == found.file_ids.sort().to_list()
        assert ["a", "b"] == found.rows[AudioStreams]["file_id"].sort().to_list()

    @pytest.mark.parametrize(
        "facts", [{"size_bytes": 11}, {"engine_version": "pyav 0"}, {"status": "unreadable"}, {"fingerprint": None}]
    )
    def test_other_content_or_another_engine_is_measured(self, house, facts):
        """
        Size, engine version and state must fit, too.
        """
        house.warehouse(probes=[made("theirs", **({"fingerprint": "x"} | facts))])

        assert [] == house.adopt(here("a"), prints={"a": "x"}).file_ids.to_list()

    def test_a_fingerprint_of_earlier_content_is_none(self, house):
        """
        The file was written to after its fingerprint was read.
        """
        house.warehouse(probes=[made("theirs", fingerprint="x")])
        row = a_row(Fingerprints, path_bytes=here("a")["path_bytes"], fingerprint="x")
        read = Fingerprints.frame([row | {"size_bytes": 10, "mtime_ns": 19, "inode": 40}])

        found = adopted(Files.frame([here("a")]), staging=house.staging, fingerprints=read, warehouses=house.warehouses)

        assert [] == found.file_ids.to_list()

    def test_what_the_first_knows_the_second_is_not_asked_for(self, house):
        """
        A dead run has a, the first warehouse b (and a), the second c (and b): each file comes once.
        """
        house.unloaded("dead", [made("a", quality="480p")])
        house.warehouse("1", probes=[made(f"1{name}", fingerprint=name, quality="720p") for name in "ab"])
        house.warehouse("2", probes=[made(f"2{name}", fingerprint=name, quality="1080p") for name in "bc"])

        found = house.adopt(*(here(name) for name in "abcd"), prints={name: name for name in "abcd"})

        assert [("a", "480p"), ("b", "720p"), ("c", "1080p")] == found.rows[Probes].select("file_id", "quality").rows()
        assert (1, 2) == (found.resumed_count, found.reused_count)

    def test_an_older_layout_is_read_as_far_as_it_goes(self, house):
        """
        Columns that it lacks are null; without fingerprints it knows nothing, and a note says so.
        """
        older = house.warehouse(
            "older", probes=[made("theirs", fingerprint="x")], video_streams=[a_video_stream("theirs")]
        )
        oldest = house.warehouse("oldest")
        with duckdb.connect(str(older)) as connection:
            connection.execute("ALTER TABLE video_streams DROP COLUMN profile").fetchall()
            connection.execute("DROP TABLE chapters").fetchall()
        with duckdb.connect(str(oldest)) as connection:
            connection.execute("ALTER TABLE probes DROP COLUMN fingerprint").fetchall()

        found = house.adopt(here("a"), here("b"), prints={"a": "x", "b": "y"})

        assert [("a", None)] == found.rows[VideoStreams].select("file_id", "profile").rows()
        assert [True] == ["fingerprints" in note for note in found.notes]

    @pytest.mark.parametrize(
        "harm", ["missing", "damaged", "empty", "folder", "fifo", "no UTF-8", "other tables", "other types", "bad rows"]
    )
    def test_a_warehouse_that_is_none_is_a_note_and_no_end(self, house, harm):
        """
        Whatever lies there: it is named, the file is measured, and the next warehouse is asked.
        """
        path = house.warehouse("wrong [red]", probes=[made("theirs", fingerprint="x", quality="wrong")])
        if harm in {"missing", "folder", "fifo", "other tables", "no UTF-8"}:
            path.unlink()
        if harm == "folder":
            path.mkdir()
        elif harm == "fifo":
            os.mkfifo(path)
        elif harm == "no UTF-8":
            house.warehouses[0] = Path(os.fsdecode(os.fsencode(house.folder) + b"/caf\xe9"))
            house.warehouses[0].write_bytes(b"x")
        elif harm in {"damaged", "empty"}:
            path.write_bytes(b"x" * 50_000 * (harm == "damaged"))
        elif harm != "missing":
            with duckdb.connect(str(path)) as connection:
                connection.execute({
                    "other tables": "CREATE TABLE probes (name VARCHAR)",
                    "other types": "ALTER TABLE probes ALTER quality TYPE VARCHAR[] USING [quality]",
                    "bad rows": "UPDATE probes SET duration_s = -1",
                }[harm]).fetchall()  # fmt: skip
        house.warehouse("right", probes=[made("theirs", fingerprint="x", quality="right")])

        found = house.adopt(here("a"), prints={"a": "x"})

        assert [("a", "right")] == found.rows[Probes].select("file_id", "quality").rows()
        [note] = found.notes
        assert "were not taken over: " in note
        assert note.isprintable()
