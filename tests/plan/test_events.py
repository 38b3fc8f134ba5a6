"""What is told of files that moved, changed or gave way to better ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks.core.layout import DataFolder
from tasks.plan.events import MEASURED, STAGE, completed, first_events, measured, note_events, replacements
from tasks.schema.files import Files, Identities
from tasks.schema.probes import Probes, VideoStreams
from tasks.schema.runs import FileEvents
from tasks.staging import known_path, read_staged, write_staged
from tasks.warehouse.ddl import create_table
from tests.schema.builders import (
    NOON,
    a_file,
    a_movie_name,
    a_probe,
    a_row,
    a_video_stream,
    an_episode_name,
)

DAY = timedelta(days=1)


def an_event(event: str = "replaced", file_id: str = "a", **facts):
    return a_row(FileEvents, run_id="run", file_id=file_id, event=event, path=f"/videos/{file_id}.mkv", **facts)


def facts_of(file_id: str, **facts):
    return dict.fromkeys(MEASURED) | {"file_id": file_id} | facts


def frame_of(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=MEASURED)


class TestReplacements:
    def pairs(self, new, missing, identities, also_present=()):
        """Earlier and new file of each replacement that is found."""
        found = replacements(
            "run",
            new=Files.frame(a_file(name) for name in new),
            missing=Files.frame(
                row if isinstance(row, dict) else a_file(row, missing_since_at=NOON) for row in missing
            ),
            present_ids=pl.Series([*new, *also_present], dtype=pl.String),
            identities=Identities.frame(identities),
        )
        FileEvents.validate(found)
        return found.select("earlier_file_id", "file_id").rows()

    def test_a_new_file_of_a_movie_that_is_gone_replaces_it(self):
        """
        The names say the same movie; another movie's file replaces nothing.
        """
        names = [a_movie_name("old"), a_movie_name("new"), a_movie_name("other", "Tin Islands")]

        assert [("old", "new")] == self.pairs(["new", "other"], ["old"], names)

    def test_the_row_tells_both_files(self):
        """
        Paths, sizes, and that the names proved it.
        """
        found = replacements(
            "run",
            new=Files.frame([a_file("new", size_bytes=20)]),
            missing=Files.frame([a_file("old", size_bytes=10, missing_since_at=NOON)]),
            present_ids=pl.Series(["new"]),
            identities=Identities.frame([a_movie_name("old"), a_movie_name("new")]),
        )

        assert [("new", "replaced", "/videos/new.mkv", "/videos/old.mkv", "old", "title", 10, 20)] == found.select(
            "file_id", "event", "path", "earlier_path", "earlier_file_id", "proof", "earlier_size_bytes", "size_bytes"
        ).rows()

    @pytest.mark.parametrize("names", [[], [a_movie_name("old", title_key=None), a_movie_name("new", title_key=None)]])
    def test_without_a_title_nothing_is_the_same(self, names):
        """
        Two files whose names say nothing are not each other.
        """
        assert [] == self.pairs(["new"], ["old"], names)

    def test_a_third_file_of_the_same_movie_makes_it_a_further_copy(self):
        """
        Another copy was there all the time: the new one joins it. Two new ones at once are not told apart either.
        """
        names = [a_movie_name(name) for name in ("old", "new", "there")]

        assert [] == self.pairs(["new"], ["old"], names, also_present=["there"])
        assert [] == self.pairs(["new", "there"], ["old"], names)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (an_episode_name("old", 1, [1]), an_episode_name("new", 1, [2])),
            (an_episode_name("old", 1, [1]), an_episode_name("new", 2, [1])),
            (an_episode_name("old", 1, [1]), an_episode_name("new", 1, [1, 2])),
            (an_episode_name("old", None, [], absolute=[1]), an_episode_name("new", None, [], absolute=[2])),
            (an_episode_name("old", None, [], date=NOON.date()), an_episode_name("new", None, [], date=None)),
            (an_episode_name("old", 1, []), an_episode_name("new", 1, [])),
            (a_movie_name("old", edition="Extended"), a_movie_name("new")),
            (a_movie_name("old", part=1), a_movie_name("new", part=2)),
            (a_movie_name("old", kind="extra"), a_movie_name("new", kind="extra")),
            (a_movie_name("old", kind="unknown"), a_movie_name("new", kind="unknown")),
        ],
    )
    def test_another_episode_edition_or_part_is_no_replacement(self, old, new):
        """
        Of the same show or movie, but not the same thing, or it cannot be told.
        """
        assert [] == self.pairs(["new"], ["old"], [old, new])

    @pytest.mark.parametrize(
        "place",
        [{"season": 1, "episodes": [1, 2]}, {"season": None, "episodes": [], "date": NOON.date()},
         {"season": None, "episodes": [], "absolute": [103]}],
    )  # fmt: skip
    def test_the_same_episodes_replace_each_other(self, place):
        """
        By numbers, by day, or by the number from the start.
        """
        names = [an_episode_name(name, **place) for name in ("old", "new")]

        assert [("old", "new")] == self.pairs(["new"], ["old"], names)

    def test_of_several_that_are_gone_the_last_one_is_replaced(self):
        """
        One went yesterday, one today.
        """
        missing = [a_file("today", missing_since_at=NOON), a_file("yesterday", missing_since_at=NOON - DAY)]
        names = [a_movie_name(name) for name in ("today", "yesterday", "new")]

        assert [("today", "new")] == self.pairs(["new"], missing, names)


class TestCompleted:
    @pytest.mark.parametrize(
        ("earlier", "now", "is_upgrade"),
        [
            (("720p", 9), ("1080p", 1), True),
            (("1080p", 1), ("720p", 9), False),
            (("480p", 1), ("2160p", 1), True),
            (("1080p", 5), ("1080p", 6), True),
            (("1080p", 5), ("1080p", 5), False),
            (("1080p", 6), ("1080p", 5), False),
            (("1080p", None), ("1080p", 5), None),
            ((None, 5), ("1080p", 6), None),
            (("1080p", 5), (None, 6), None),
        ],
    )
    def test_a_larger_picture_is_better_then_a_higher_rate(self, earlier, now, is_upgrade):
        """
        2160p is above 480p as a number, not as a text; what is not known makes no claim.
        """
        before = frame_of(facts_of("a", quality=earlier[0], bitrate_bps=earlier[1]))
        after = frame_of(facts_of("a", quality=now[0], bitrate_bps=now[1]))

        [row] = completed(FileEvents.frame([an_event()]), before=before, after=after).to_dicts()

        assert is_upgrade is row["is_upgrade"]
        assert (*earlier, *now) == (
            row["earlier_quality"], row["earlier_bitrate_bps"], row["quality"], row["bitrate_bps"],
        )  # fmt: skip

    def test_before_is_what_the_other_file_was(self):
        """
        Where another file was replaced, its facts stand before; where the content in place was, those of the same file.
        """
        events = FileEvents.frame([an_event(file_id="new", earlier_file_id="old"), an_event(file_id="same")])
        before = frame_of(facts_of("old", video_codec="h264"), facts_of("same", video_codec="vc1"))
        after = frame_of(facts_of("new", video_codec="hevc"), facts_of("same", video_codec="av1", hdr_format="HLG"))

        found = completed(events, before=before, after=after)

        assert [("h264", "hevc", None), ("vc1", "av1", "HLG")] == found.select(
            "earlier_video_codec", "video_codec", "hdr_format"
        ).rows()

    def test_other_events_stay_as_they_are(self):
        """
        A move changes nothing in the file.
        """
        events = FileEvents.frame([an_event("moved", proof="inode"), an_event("vanished", "b")])
        facts = frame_of(facts_of("a", quality="720p"))

        assert events.equals(completed(events, before=facts, after=facts))

    def test_what_could_not_be_measured_is_unknown(self):
        """
        A replaced file without a measurement now says nothing of now.
        """
        before = frame_of(facts_of("a", quality="720p", bitrate_bps=1))

        [row] = completed(FileEvents.frame([an_event()]), before=before, after=frame_of()).to_dicts()

        assert ("720p", None, None) == (row["earlier_quality"], row["quality"], row["is_upgrade"])


def test_the_main_picture_is_the_first_that_is_no_cover():
    """
    Stream 0 is a cover, 2 the film, 3 another angle.
    """
    streams = [
        a_video_stream("a", 3, codec="vp9"),
        a_video_stream("a", 2, codec="hevc"),
        a_video_stream("a", 0, codec="mjpeg", is_cover=True),
    ]

    found = measured(Probes.frame([a_probe("a"), a_probe("b")]), VideoStreams.frame(streams))

    assert [("a", "hevc"), ("b", None)] == found.select("file_id", "video_codec").rows()


def test_of_many_events_some_of_each_kind_are_shown():
    """
    Of 100 moves, 3 replacements and a purge, 10 may be shown: two of a kind, the upgrade first, completed rows only.
    """
    replaced = [an_event(file_id=str(n), is_upgrade=n == 2) for n in range(3)]
    plain = [row | {"is_upgrade": None} for row in replaced]
    moved = [an_event("moved", str(n)) for n in range(100)]

    shown = first_events(FileEvents.frame([*plain, *moved, an_event("purged"), *replaced]), limit=10)

    assert ["replaced", "replaced", "moved", "moved", "purged"] == [row["event"] for row in shown]
    assert [True, False] == [row["is_upgrade"] for row in shown[:2]]


def test_of_no_events_none_is_shown():
    """
    A run in which nothing happened.
    """
    assert [] == first_events(FileEvents.frame(), limit=200)


class House:
    """A data folder with a warehouse, and the staging folder of a run."""

    def __init__(self, folder: Path):
        self.data = DataFolder(folder)
        self.staging = self.data.staging("run")
        self.known = {Files: [], Identities: [], Probes: [], VideoStreams: []}

    def knows(self, **tables):
        """Rows in the warehouse and, but for the streams, in the snapshot of the run."""
        by_name = {table.table_name(): table for table in self.known}
        for name, rows in tables.items():
            self.known[by_name[name]] += rows
        self.data.path.mkdir(parents=True, exist_ok=True)
        self.data.warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(self.data.warehouse)) as connection:
            for table, rows in self.known.items():
                connection.execute(create_table(table)).fetchall()
                connection.register("rows", table.frame(rows))
                connection.execute(f"INSERT INTO {table.table_name()} BY NAME SELECT * FROM rows").fetchall()
        known_path(Files, staging=self.staging).parent.mkdir(parents=True, exist_ok=True)
        for table, rows in self.known.items():
            if table is not VideoStreams:
                table.frame(rows).write_parquet(known_path(table, staging=self.staging))
        return self

    def stages(self, stage, **rows):
        tables = {table.table_name(): table for table in (*self.known, FileEvents)}
        frames = {tables[name]: tables[name].frame(given) for name, given in rows.items()}
        write_staged(frames, staging=self.staging, stage=stage)
        return self

    def events(self):
        count = note_events(self.staging, run_id="run")
        found = read_staged(FileEvents, staging=self.staging, stage=STAGE)
        assert count == found.height
        return found.sort("file_id", "event")


@pytest.fixture
def house(tmp_path):
    return House(tmp_path / "we[i]rd=1 *")


def an_upgraded_library(house):
    """A movie that vanished in this run, and a better file of it that came."""
    house.knows(
        files=[a_file("old", size_bytes=10)],
        identities=[a_movie_name("old")],
        probes=[a_probe("old", quality="720p", probed_at=NOON)],
        video_streams=[a_video_stream("old", 0, codec="mjpeg", is_cover=True), a_video_stream("old", 1, codec="vc1")],
    )
    house.stages(
        "plan",
        files=[a_file("old", size_bytes=10, missing_since_at=NOON + DAY), a_file("new", size_bytes=20)],
        file_events=[an_event("vanished", "old")],
    )
    house.stages("identify", identities=[a_movie_name("new")])
    return house.stages(
        "probe",
        probes=[a_probe("new", quality="2160p", hdr_format="HDR10")],
        video_streams=[a_video_stream("new", 0, codec="hevc")],
    )


class TestNoteEvents:
    def test_an_upgrade_is_told_with_before_and_after(self, house):
        """
        The old file vanished, the new one replaced it: codec, class and HDR of both, from warehouse and run.
        """
        found = an_upgraded_library(house).events()

        assert [("new", "replaced", "old", "720p", "2160p", "vc1", "hevc", "HDR10", True)] == found.filter(
            event="replaced"
        ).select(
            "file_id", "event", "earlier_file_id", "earlier_quality", "quality", "earlier_video_codec", "video_codec",
            "hdr_format", "is_upgrade",
        ).rows()  # fmt: skip
        assert [("old", "vanished")] == found.filter(event="vanished").select("file_id", "event").rows()

    def test_a_retry_after_the_load_tells_the_same(self, house):
        """
        The warehouse has the new rows by then: the codec before is what the first attempt read.
        """
        house.knows(
            files=[a_file("a")],
            probes=[a_probe("a", quality="720p", probed_at=NOON)],
            video_streams=[a_video_stream("a", codec="vc1")],
        )
        house.stages("plan", files=[a_file("a")], file_events=[an_event(proof="path")])
        house.stages("probe", probes=[a_probe("a", quality="1080p")], video_streams=[a_video_stream("a", codec="av1")])
        first = house.events()
        with duckdb.connect(str(house.data.warehouse)) as connection:
            connection.execute("UPDATE probes SET probed_at = probed_at + INTERVAL 1 DAY").fetchall()
            connection.execute("UPDATE video_streams SET codec = 'av1'").fetchall()

        assert first.equals(house.events())
        assert [("vc1", "av1", "720p", "1080p", True)] == first.select(
            "earlier_video_codec", "video_codec", "earlier_quality", "quality", "is_upgrade"
        ).rows()

    def test_a_file_known_for_long_is_no_new_one(self, house):
        """
        A known file of the same movie was there before the other went: nothing was replaced.
        """
        house.knows(files=[a_file("old"), a_file("there")], identities=[a_movie_name("old"), a_movie_name("there")])
        house.stages("plan", files=[a_file("old", missing_since_at=NOON)], file_events=[an_event("vanished", "old")])

        assert ["vanished"] == house.events()["event"].to_list()

    def test_a_known_copy_that_is_there_keeps_a_new_one_from_replacing(self, house):
        """
        The known copy is looked up in the snapshot although this run did not touch it.
        """
        an_upgraded_library(house).knows(files=[a_file("there")], identities=[a_movie_name("there")])

        assert ["vanished"] == house.events()["event"].to_list()

    def test_a_tombstone_of_an_earlier_run_is_replaced_too(self, house):
        """
        The old file went missing days ago; the new one came today.
        """
        house.knows(files=[a_file("old", missing_since_at=NOON)], identities=[a_movie_name("old")])
        house.stages("plan", files=[a_file("new")]).stages("identify", identities=[a_movie_name("new")])

        found = house.events()

        assert [("replaced", "old", "title", None)] == found.select(
            "event", "earlier_file_id", "proof", "is_upgrade"
        ).rows()

    def test_one_that_came_back_was_not_replaced(self, house):
        """
        The tombstone's file is there again in the same run.
        """
        house.knows(files=[a_file("old", missing_since_at=NOON)], identities=[a_movie_name("old")])
        house.stages("plan", files=[a_file("old"), a_file("new")], file_events=[an_event("returned", "old")])
        house.stages("identify", identities=[a_movie_name("new")])

        assert ["returned"] == house.events()["event"].to_list()

    @pytest.mark.parametrize("harm", ["missing", "damaged", "locked out"])
    def test_without_the_warehouse_only_the_codec_is_unknown(self, house, harm):
        """
        The snapshot has the rest.
        """
        an_upgraded_library(house)
        if harm == "damaged":
            house.data.warehouse.write_bytes(b"no database" * 1000)
        else:
            house.data.warehouse.unlink()
        if harm == "locked out":
            house.data.warehouse.mkdir()

        found = house.events().filter(event="replaced")

        assert [("720p", None, True)] == found.select("earlier_quality", "earlier_video_codec", "is_upgrade").rows()

    def test_nothing_happened(self, house):
        """
        An empty library, and one where nothing changed: no events, twice.
        """
        house.knows()

        assert [] == house.events().rows() == house.events().rows()
