"""Every view answers its question, on libraries small enough to count by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from tasks import schema
from tasks.schema.views import OLD_CODECS, views
from tasks.warehouse.ddl import as_sql
from tests.schema.builders import (
    NOON,
    a_file,
    a_match,
    a_movie_name,
    a_probe,
    a_row,
    a_subtitle_stream,
    a_title,
    a_video_stream,
    an_artwork,
    an_audio_stream,
    an_episode,
    an_episode_name,
)

MOVIE = "movie:tmdb:1"
SHOW = "show:tmdb:7"
NEVER = date(2999, 1, 1)
DAY = timedelta(days=1)


class Library:
    """A warehouse in memory, to be filled with rows and asked."""

    def __init__(self, connection):
        self.connection = connection

    def add(self, **tables):
        for name, rows in tables.items():
            self.connection.register("rows", schema.table(name).frame(rows))
            self.connection.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM rows').fetchall()
            self.connection.unregister("rows")
        return self

    def ask(self, sql):
        return self.connection.sql(sql).pl().rows()


@pytest.fixture(scope="module")
def empty_warehouse():
    """All tables and views, without a row; making them takes longer than most tests here."""
    with duckdb.connect() as connection:
        connection.execute(as_sql()).fetchall()
        yield connection


@pytest.fixture
def library(empty_warehouse):
    """An empty library; what a test adds is taken back after it."""
    empty_warehouse.begin()
    yield Library(empty_warehouse)
    empty_warehouse.rollback()


def a_show(library):
    """Tin Islands: season 1 with three episodes, season 2 with two, one special; all broadcast in 2001."""
    episodes = [an_episode(SHOW, s, e) for s, e in [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]]
    return library.add(
        titles=[a_title(SHOW, "Tin Islands", year=2001)], matches=[a_match("Tin Islands", SHOW)], episodes=episodes
    )


@pytest.mark.parametrize("view", views(), ids=lambda v: v.name)
def test_every_view_is_empty_and_sound_without_files(library, view):
    """
    An empty library is no error anywhere.
    """
    assert [] == library.ask(f"SELECT * FROM {view.name}")


OF_WHAT_IS_GONE = {"missing_files", "roots_now"}


@pytest.mark.parametrize("view", [v for v in views() if v.name not in OF_WHAT_IS_GONE], ids=lambda v: v.name)
def test_no_view_shows_a_missing_file(library, view):
    """
    A file that is gone stands in no view of what is there, whatever is still known about it.
    """
    a_show(library).add(
        files=[a_file("f1", missing_since_at=NOON), a_file("f2", missing_since_at=NOON)],
        identities=[an_episode_name("f1", 1, [1]), an_episode_name("f2", 1, [1])],
        probes=[a_probe("f1", status="unreadable", hdr_format="HDR10"), a_probe("f2")],
        video_streams=[a_video_stream("f1", hdr_format="HDR10")],
        audio_streams=[an_audio_stream("f1")],
        subtitle_streams=[a_subtitle_stream("f1")],
    )

    assert [] == library.ask(f"SELECT * FROM {view.name}")


@pytest.mark.parametrize("view", views(), ids=lambda v: v.name)
def test_every_view_has_words(library, view):
    """
    What a view shows is said in the database, too.
    """
    [(comment,)] = library.ask(f"SELECT comment FROM duckdb_views() WHERE view_name = '{view.name}'")

    assert view.words == comment


class TestFileTitles:
    def test_a_movie_has_no_episode(self, library):
        """
        A matched movie is one row without season and episode.
        """
        library.add(files=[a_file()], identities=[a_movie_name()], matches=[a_match()])

        assert [("f1", MOVIE, "movie", None, None)] == library.ask("FROM file_titles")

    def test_a_file_of_two_episodes_is_two_rows(self, library):
        """
        S01E02-E03 holds two episodes.
        """
        a_show(library).add(files=[a_file()], identities=[an_episode_name("f1", 1, [2, 3])])

        assert [(1, 2), (1, 3)] == library.ask("SELECT season_number, episode_number FROM file_titles ORDER BY ALL")

    def test_an_absolute_number_counts_from_the_start_without_specials(self, library):
        """
        Number 4 of a show whose first season has three episodes is S02E01.
        """
        a_show(library).add(files=[a_file()], identities=[an_episode_name("f1", None, [], absolute=[4])])

        assert [(2, 1)] == library.ask("SELECT season_number, episode_number FROM file_titles")

    def test_a_day_is_the_episode_of_that_day(self, library):
        """
        A show named by day: 3 January 2001 is S01E03 and no other.
        """
        a_show(library).add(files=[a_file()], identities=[an_episode_name("f1", None, [], date=date(2001, 1, 3))])

        assert [(1, 3)] == library.ask("SELECT season_number, episode_number FROM file_titles")

    def test_a_file_whose_episode_is_not_known_keeps_its_show(self, library):
        """
        Number 99 of a show of five episodes is still a file of that show.
        """
        a_show(library).add(files=[a_file()], identities=[an_episode_name("f1", None, [], absolute=[99])])

        assert [("f1", SHOW, "episode", None, None)] == library.ask("FROM file_titles")

    def test_extras_belong_to_the_title_but_are_no_copy_of_it(self, library):
        """
        A trailer is of the movie; the movie has one copy.
        """
        library.add(
            files=[a_file("film"), a_file("trailer")],
            identities=[a_movie_name("film"), a_movie_name("trailer", kind="extra")],
            matches=[a_match()],
        )

        assert [("film", "movie"), ("trailer", "extra")] == library.ask(
            "SELECT file_id, kind FROM file_titles ORDER BY file_id"
        )
        assert [] == library.ask("FROM duplicates")


class TestLibrary:
    def test_one_row_says_everything_about_a_file(self, library):
        """
        Title from the service, codec of the film and not of the cover, languages without the commentary.
        """
        library.add(
            files=[a_file(size_bytes=700)],
            identities=[a_movie_name()],
            matches=[a_match()],
            titles=[a_title(MOVIE, "Harbour Lights, Restored", year=1999)],
            probes=[a_probe(hdr_format="HDR10", container="matroska,webm")],
            video_streams=[
                a_video_stream(stream_index=0, codec="mjpeg", is_cover=True),
                a_video_stream(stream_index=1, codec="hevc", width_px=1920, height_px=800),
            ],
            audio_streams=[
                an_audio_stream(stream_index=2, language="fra", codec="ac3"),
                an_audio_stream(stream_index=3, language="eng", codec="aac"),
                an_audio_stream(stream_index=4, language="deu", codec="aac", is_commentary=True),
            ],
            subtitle_streams=[a_subtitle_stream(stream_index=5, language="spa")],
        )

        assert [
            ("Harbour Lights, Restored", 1999, "1080p", "HDR10", "hevc", 800, "aac, ac3", "eng, fra", "spa", 700)
        ] == library.ask(
            "SELECT title, year, quality, hdr_format, video_codec, height_px, audio_codecs, audio_languages, "
            "subtitle_languages, size_bytes FROM library"
        )

    def test_a_file_of_two_episodes_is_one_row(self, library):
        """
        Both numbers and both titles stand in the one row of the file.
        """
        a_show(library).add(files=[a_file()], identities=[an_episode_name("f1", 1, [2, 3])])

        assert [("Tin Islands", 1, [2, 3], "Part 2 / Part 3")] == library.ask(
            "SELECT title, season_number, episode_numbers, episode_title FROM library"
        )

    def test_what_is_not_matched_shows_what_its_name_says(self, library):
        """
        Without a match, a probe or even an identity a file has its row.
        """
        library.add(
            files=[a_file("named"), a_file("new")],
            identities=[an_episode_name("named", 3, [4], title="Nobody Knows", year=2005)],
        )

        assert [("Nobody Knows", 2005, 3, [4]), (None, None, None, None)] == library.ask(
            "SELECT title, year, season_number, episode_numbers FROM library ORDER BY file_id"
        )


class TestDuplicates:
    def test_two_resolutions_of_a_movie_are_ranked(self, library):
        """
        2160p before 1080p before 720p, although text sorts the other way.
        """
        qualities = {"a": "720p", "b": "2160p", "c": "1080p"}
        library.add(
            files=[a_file(i) for i in qualities],
            identities=[a_movie_name(i) for i in qualities],
            matches=[a_match()],
            probes=[a_probe(i, quality=quality) for i, quality in qualities.items()],
        )

        assert [("b", 1, 3), ("c", 2, 3), ("a", 3, 3)] == library.ask(
            "SELECT file_id, rank, copy_count FROM duplicates"
        )

    def test_parts_and_editions_are_no_duplicates(self, library):
        """
        cd1 and cd2 make one movie; the Director's Cut is another one.
        """
        library.add(
            files=[a_file(i) for i in "abc"],
            identities=[a_movie_name("a", part=1), a_movie_name("b", part=2), a_movie_name("c", edition="Extended")],
            matches=[a_match()],
        )

        assert [] == library.ask("FROM duplicates")

    def test_an_episode_inside_a_double_file_counts(self, library):
        """
        S01E01-E02 and S01E02 share episode 2 and nothing else.
        """
        a_show(library).add(
            files=[a_file("double"), a_file("single")],
            identities=[an_episode_name("double", 1, [1, 2]), an_episode_name("single", 1, [2])],
        )

        assert [(2, "double"), (2, "single")] == library.ask(
            "SELECT episode_number, file_id FROM duplicates ORDER BY file_id"
        )


def test_unmatched_tells_how_far_each_file_came(library):
    """
    Five files, five ends; the matched one and the extra are not among them.
    """
    library.add(
        files=[a_file(i) for i in ("ambiguous", "extra", "later", "matched", "nameless", "new", "nobody")],
        identities=[
            a_movie_name("ambiguous", "Twins"),
            a_movie_name("extra", kind="extra", title_key=None),
            a_movie_name("later", "Not Asked Yet"),
            a_movie_name("matched"),
            a_movie_name("nameless", kind="unknown", title=None, title_key=None, title_kind=None),
            a_movie_name("nobody", "Nobody"),
        ],
        matches=[a_match(), a_match("Twins", None, status="ambiguous"), a_match("Nobody", None)],
        match_candidates=[
            a_row(schema.table("match_candidates"), title_key="key Twins", rank=1, title="Twin A", score=90.0),
            a_row(schema.table("match_candidates"), title_key="key Twins", rank=2, title="Twin B", score=89.0),
        ],
    )

    assert [
        ("ambiguous", "ambiguous", "Twin A", 90.0),
        ("later", "not looked up", None, None),
        ("nameless", "no title", None, None),
        ("new", "not identified", None, None),
        ("nobody", "unmatched", None, None),
    ] == library.ask("SELECT file_id, reason, candidate_title, candidate_score FROM unmatched")


def test_missing_episodes_are_those_broadcast_and_not_there(library):
    """
    Of S01E01-E03 and S02E01-E02, E02 is held: four are missing, no special, nothing of the future, no day unknown.
    """
    a_show(library).add(
        episodes=[an_episode(SHOW, 3, 1, aired_on=NEVER), an_episode(SHOW, 3, 2, aired_on=None)],
        files=[a_file()],
        identities=[an_episode_name("f1", 1, [2])],
    )
    library.add(episodes=[an_episode("show:tmdb:8", 1, 1)], titles=[a_title("show:tmdb:8", "Not Here")])

    assert [(1, 1, True), (1, 3, True), (2, 1, False), (2, 2, False)] == library.ask(
        "SELECT season_number, episode_number, season_in_library FROM missing_episodes"
    )


def test_missing_artwork_lists_each_picture_that_is_not_there(library):
    """
    A movie with a poster of a collection without any, a show with the still of one of its two episodes.
    """
    a_show(library).add(
        files=[a_file("film"), a_file("double")],
        identities=[a_movie_name("film"), an_episode_name("double", 1, [1, 2])],
        matches=[a_match()],
        titles=[a_title(MOVIE, collection_id="collection:tmdb:5")],
        collections=[a_row(schema.table("collections"), collection_id="collection:tmdb:5", name="The Lights")],
        artwork=[
            an_artwork(MOVIE, "poster"),
            an_artwork(SHOW, "poster"),
            an_artwork(SHOW, "backdrop"),
            an_artwork(SHOW, "poster", season_number=1),
            an_artwork(SHOW, "still", season_number=1, episode_number=1),
        ],
    )

    assert [
        ("Harbour Lights", None, None, "backdrop"),
        ("The Lights", None, None, "backdrop"),
        ("The Lights", None, None, "poster"),
        ("Tin Islands", 1, 2, "still"),
    ] == library.ask("SELECT title, season_number, episode_number, kind FROM missing_artwork")


def test_unreadable_files_say_why(library):
    """
    Unreadable before partial; the sound file is not there.
    """
    library.add(
        files=[a_file(i) for i in "abc"],
        probes=[
            a_probe("a", status="partial", error="no decoder for stream 3"),
            a_probe("b", status="unreadable", error="moov atom not found"),
            a_probe("c", status="ok"),
        ],
    )

    assert [("b", "unreadable", "moov atom not found"), ("a", "partial", "no decoder for stream 3")] == library.ask(
        "SELECT file_id, status, error FROM unreadable_files"
    )


def storage(library):
    """Two H.264 files of 1,000 and 3,000 bytes and together an hour, one HEVC of 500, one that is not measured."""
    return library.add(
        files=[
            a_file("a", size_bytes=1000),
            a_file("b", size_bytes=3000),
            a_file("c", size_bytes=500),
            a_file("d", size_bytes=7),
        ],
        probes=[
            a_probe("a", duration_s=1200.0, quality="1080p"),
            a_probe("b", duration_s=2400.0, quality="720p"),
            a_probe("c", duration_s=None, quality="1080p"),
        ],
        video_streams=[a_video_stream("a"), a_video_stream("b"), a_video_stream("c", codec="hevc")],
    )


def test_storage_by_codec_adds_up(library):
    """
    4,000 bytes an hour in H.264; every file counts once, also the one without a codec.
    """
    storage(library)

    assert [("h264", 2, 4000, 3600.0, 4000), ("hevc", 1, 500, None, None), (None, 1, 7, None, None)] == library.ask(
        "FROM storage_by_codec"
    )


def test_storage_by_quality_adds_up(library):
    """
    Larger pictures first; what an hour takes is counted over the files whose length is known.
    """
    storage(library)

    assert [("1080p", 2, 1500, 1200.0, 3000), ("720p", 1, 3000, 2400.0, 4500), (None, 1, 7, None, None)] == library.ask(
        "FROM storage_by_quality"
    )


def test_hdr_inventory_lists_streams_with_hdr(library):
    """
    The Dolby Vision file and its profile; the SDR file is not there.
    """
    library.add(
        files=[a_file("dv"), a_file("sdr")],
        probes=[a_probe("dv", hdr_format="Dolby Vision"), a_probe("sdr")],
        video_streams=[
            a_video_stream("dv", hdr_format="Dolby Vision", dolby_vision_profile=8, hdr_evidence="stream"),
            a_video_stream("sdr"),
        ],
    )

    assert [("dv", "Dolby Vision", 8)] == library.ask(
        "SELECT file_id, hdr_format, dolby_vision_profile FROM hdr_inventory"
    )


def test_audio_languages_count_files_and_streams(library):
    """
    Two English tracks in one file are one file; commentary is no language to hear the film in.
    """
    library.add(
        files=[a_file("a"), a_file("b")],
        audio_streams=[
            an_audio_stream("a", 1),
            an_audio_stream("a", 2, is_default=False),
            an_audio_stream("b", 1),
            an_audio_stream("b", 2, language="deu", is_default=False),
            an_audio_stream("b", 3, language="fra", is_commentary=True),
            an_audio_stream("a", 4, language=None, is_default=False),
        ],
    )

    assert [("eng", 2, 3, 2), ("deu", 1, 1, 0), (None, 1, 1, 0)] == library.ask("FROM audio_languages")


def test_subtitle_languages_count_forced_and_hearing_impaired(library):
    """
    Two files have German subtitles, one of them a forced track beside the full one.
    """
    library.add(
        files=[a_file("a"), a_file("b")],
        subtitle_streams=[
            a_subtitle_stream("a", 1, language="deu"),
            a_subtitle_stream("a", 2, language="deu", is_forced=True),
            a_subtitle_stream("b", 1, language="deu", is_hearing_impaired=True),
        ],
    )

    assert [("deu", 2, 3, 1, 1)] == library.ask("FROM subtitle_languages")


class TestUpgradeCandidates:
    def test_the_reasons_are_told_together(self, library):
        """
        An interlaced 576p file in MPEG-2 could be better in three ways.
        """
        library.add(
            files=[a_file()],
            identities=[a_movie_name()],
            matches=[a_match()],
            probes=[a_probe(quality="576p")],
            video_streams=[a_video_stream(codec="mpeg2video", field_order="tt")],
        )

        assert [(MOVIE, "576p picture, codec mpeg2video, interlaced")] == library.ask(
            "SELECT title_id, reasons FROM upgrade_candidates"
        )

    def test_a_better_copy_settles_it(self, library):
        """
        Who has the film in 1080p need not look for another because a 480p copy lies beside it.
        """
        library.add(
            files=[a_file("old"), a_file("new")],
            identities=[a_movie_name("old"), a_movie_name("new")],
            matches=[a_match()],
            probes=[a_probe("old", quality="480p"), a_probe("new", quality="1080p")],
        )

        assert [] == library.ask("FROM upgrade_candidates")

    def test_current_codecs_are_not_old(self):
        """
        H.264 and what came after it.
        """
        assert set() == {"h264", "hevc", "av1", "vp9", "vvc"} & set(OLD_CODECS)


def test_collections_incomplete_lists_released_movies(library):
    """
    Of four parts one is held, one unreleased, one without a day, one missing; a collection without a file is left out.
    """
    part = schema.table("collection_parts")
    library.add(
        files=[a_file()],
        identities=[a_movie_name()],
        matches=[a_match()],
        collections=[a_row(schema.table("collections"), collection_id=c, name=c.upper()) for c in ("c1", "c2")],
        collection_parts=[
            a_row(part, collection_id="c1", title_id=MOVIE, released_on=date(1999, 1, 1)),
            a_row(part, collection_id="c1", title_id="movie:tmdb:2", title="Second", released_on=date(2001, 1, 1)),
            a_row(part, collection_id="c1", title_id="movie:tmdb:3", released_on=NEVER),
            a_row(part, collection_id="c1", title_id="movie:tmdb:4", released_on=None),
            a_row(part, collection_id="c2", title_id="movie:tmdb:9", released_on=date(1990, 1, 1)),
        ],
    )

    assert [("C1", "movie:tmdb:2", "Second", 1, 2)] == library.ask(
        "SELECT collection, title_id, title, held_count, released_count FROM collections_incomplete"
    )


def test_latest_run_is_the_newest_one(library):
    """
    Two runs, two stages each: the account of the later one.
    """
    stage = schema.table("run_stages")
    library.add(
        runs=[
            a_row(schema.table("runs"), run_id="new", started_at=NOON),
            a_row(schema.table("runs"), run_id="old", started_at=NOON - timedelta(days=1)),
        ],
        run_stages=[a_row(stage, run_id=r, stage=s, total_count=5) for r in ("new", "old") for s in ("probe", "match")],
    )

    assert [("new", "match", 5), ("new", "probe", 5)] == library.ask(
        "SELECT run_id, stage, total_count FROM latest_run"
    )


def test_standing_counts_every_file_once(library):
    """
    Five files in five states; sizes and counts add up to the library.
    """
    library.add(
        files=[a_file(i, size_bytes=10) for i in ("extra", "matched", "new", "nobody", "torn")],
        identities=[
            a_movie_name("extra", kind="extra", title_key=None),
            a_movie_name("matched"),
            a_movie_name("nobody", "Nobody"),
            a_movie_name("torn"),
        ],
        matches=[a_match(), a_match("Nobody", None)],
        probes=[a_probe("extra"), a_probe("matched"), a_probe("nobody"), a_probe("torn", status="unreadable")],
    )

    assert [
        ("not measured", "not identified", 1, 10),
        ("ok", "extra", 1, 10),
        ("ok", "matched", 1, 10),
        ("ok", "unmatched", 1, 10),
        ("unreadable", "matched", 1, 10),
    ] == library.ask("FROM standing")


class TestHardLinks:
    def test_paths_of_one_inode_are_one_content(self, library):
        """
        Three paths of inode 7 on device 1; inode 7 of another device and inode 0 (none) are other files.
        """
        library.add(
            files=[
                *(a_file(name, device=1, inode=7) for name in ("a", "b", "c")),
                a_file("elsewhere", device=2, inode=7),
                *(a_file(name, device=1, inode=0) for name in ("d", "e")),
                a_file("gone", device=2, inode=7, missing_since_at=NOON),
            ]
        )

        assert [("a", 3, 0), ("b", 3, 0), ("c", 3, 0)] == library.ask(
            "SELECT file_id, link_count, wasted_bytes FROM hard_links"
        )

    def test_a_linked_duplicate_says_so(self, library):
        """
        The same movie at two paths of one inode, and once more as a file of its own: three copies, two of them links.
        """
        library.add(
            files=[a_file("a", inode=7), a_file("b", inode=7), a_file("c", inode=8)],
            identities=[a_movie_name(name) for name in "abc"],
            matches=[a_match()],
        )

        assert [("a", True, 3), ("b", True, 3), ("c", False, 3)] == library.ask(
            "SELECT file_id, is_hard_link, copy_count FROM duplicates ORDER BY file_id"
        )


class TestIdenticalFiles:
    def ask(self, library):
        return library.ask(
            "SELECT file_id, proof, copy_count, copy_rank, is_hard_link, wasted_bytes FROM identical_files"
        )

    def add(self, library, file_id, *, fingerprint=None, content_hash=None, size=10, **facts):
        seen = {"size_bytes": size, "mtime_ns": 5}
        library.add(
            files=[a_file(file_id, **seen, **({"inode": ord(file_id[0])} | facts))],
            probes=[a_probe(file_id, fingerprint=fingerprint, **seen)],
        )
        if content_hash:
            row = a_row(schema.table("content_hashes"), file_id=file_id, content_hash=content_hash, **seen)
            library.add(content_hashes=[row])

    def test_the_same_fingerprint_and_size_are_copies(self, library):
        """
        Two of three files of 10 bytes say the same: without the second, 10 bytes would be free.
        """
        self.add(library, "a", fingerprint="x")
        self.add(library, "b", fingerprint="x")
        self.add(library, "c", fingerprint="y")
        self.add(library, "d", fingerprint="x", size=11)

        assert [("a", "fingerprint", 2, 1, False, 0), ("b", "fingerprint", 2, 2, False, 10)] == self.ask(library)

    def test_a_hash_of_all_bytes_decides_over_the_fingerprint(self, library):
        """
        Three files agree in beginning, middle and end, two of them in every byte.
        """
        self.add(library, "a", fingerprint="x", content_hash="one")
        self.add(library, "b", fingerprint="x", content_hash="two")
        self.add(library, "c", fingerprint="x", content_hash="one")

        assert [("a", "content hash", 2, 1, False, 0), ("c", "content hash", 2, 2, False, 10)] == self.ask(library)

    def test_where_one_has_no_hash_yet_the_fingerprint_says_it_for_all(self, library):
        """
        Two hashed copies and one that is not hashed: three copies, not two groups.
        """
        self.add(library, "a", fingerprint="x", content_hash="one")
        self.add(library, "b", fingerprint="x", content_hash="one")
        self.add(library, "c", fingerprint="x")

        assert [("fingerprint", 3, 0), ("fingerprint", 3, 10), ("fingerprint", 3, 10)] == [
            (row[1], row[2], row[5]) for row in self.ask(library)
        ]

    def test_links_of_a_copy_waste_nothing_more(self, library):
        """
        Content at inode 97 under two paths, and a copy of it at inode 98: two copies, 10 bytes wasted in all.
        """
        self.add(library, "a", fingerprint="x")
        self.add(library, "a2", fingerprint="x")
        self.add(library, "b", fingerprint="x")

        assert [
            ("a", "fingerprint", 2, 1, False, 0),
            ("a2", "fingerprint", 2, 1, True, 0),
            ("b", "fingerprint", 2, 2, False, 10),
        ] == self.ask(library)

    def test_links_alone_are_no_copies(self, library):
        """
        One inode, two paths.
        """
        self.add(library, "a", fingerprint="x")
        self.add(library, "a2", fingerprint="x")

        assert [] == self.ask(library)

    def test_a_fingerprint_of_earlier_content_says_nothing(self, library):
        """
        The file has changed since it was measured; what was read to recognise it in its place counts.
        """
        self.add(library, "a", fingerprint="x")
        library.add(files=[a_file("b", size_bytes=10, mtime_ns=6, inode=2)])
        library.add(probes=[a_probe("b", fingerprint="x", size_bytes=10, mtime_ns=5)])
        assert [] == self.ask(library)

        library.add(files=[a_file("c", size_bytes=10, mtime_ns=6, inode=3, seen_fingerprint="x")])
        assert ["a", "c"] == [row[0] for row in self.ask(library)]

    def test_empty_files_are_no_copies(self, library):
        """
        Nothing is the same as nothing, and wastes nothing.
        """
        self.add(library, "a", fingerprint="x", size=0)
        self.add(library, "b", fingerprint="x", size=0)

        assert [] == self.ask(library)


class TestMissingFiles:
    def test_what_is_gone_is_kept_with_its_title_and_age(self, library):
        """
        Three days ago the file was not found any more; the one that is there is not shown.
        """
        three_days_ago = datetime.now(UTC) - timedelta(days=3, hours=1)  # the transaction began before now
        library.add(
            files=[a_file("a", missing_since_at=three_days_ago, size_bytes=9), a_file("b")],
            identities=[a_movie_name("a")],
            matches=[a_match()],
            titles=[a_title(title="Harbour Lights!", year=2001)],
        )

        assert [("a", "Harbour Lights!", 2001, 9, "/videos/a.mkv", 3)] == library.ask(
            "SELECT file_id, title, year, size_bytes, path, floor(missing_days)::INT FROM missing_files"
        )


class TestUpgrades:
    def test_before_and_after_the_newest_first(self, library):
        """
        Two runs replaced something; a file that only moved is no upgrade; a purged one is still told.
        """
        event, run = schema.table("file_events"), schema.table("runs")
        replaced = {"event": "replaced", "earlier_quality": "720p", "quality": "1080p"}
        library.add(
            runs=[a_row(run, run_id="old", started_at=NOON), a_row(run, run_id="new", started_at=NOON + DAY)],
            files=[a_file("f1")],
            identities=[a_movie_name("f1")],
            file_events=[
                a_row(event, run_id="old", file_id="purged", **replaced, is_upgrade=False),
                a_row(event, run_id="new", file_id="f1", **replaced, is_upgrade=True),
                a_row(event, run_id="new", file_id="f1", event="moved"),
            ],
        )

        assert [("new", "Harbour Lights", "720p", "1080p", True), ("old", None, "720p", "1080p", False)] == library.ask(
            "SELECT run_id, title, earlier_quality, quality, is_upgrade FROM upgrades"
        )


class TestFolders:
    def test_each_folder_counts_what_lies_in_it(self, library):
        """
        Odd names are names; what lies below a folder is not in it; what is gone is not counted.
        """
        odd = "/videos/we[i]rd\n*?"
        library.add(
            files=[
                a_file("a", path=f"{odd}/a.mkv", size_bytes=3),
                a_file("b", path=f"{odd}/b\n.mkv", size_bytes=4),
                a_file("c", path=f"{odd}/below/c.mkv", size_bytes=5),
                a_file("d", path=f"{odd}/d.mkv", size_bytes=6, missing_since_at=NOON),
            ]
        )

        assert [(odd, 2, 7), (f"{odd}/below", 1, 5)] == library.ask(
            "SELECT folder, file_count, size_bytes FROM folders"
        )


class TestRootsNow:
    def test_files_of_a_root_and_how_it_was_last_found(self, library):
        """
        Two present and one missing; the last walk held nine back; a root without files and one that is not noted show.
        """
        run, walk = schema.table("runs"), schema.table("run_roots")
        library.add(
            runs=[a_row(run, run_id="old", started_at=NOON), a_row(run, run_id="new", started_at=NOON + DAY)],
            files=[
                a_file("a", size_bytes=3),
                a_file("b", size_bytes=4),
                a_file("c", missing_since_at=NOON),
                a_file("d") | {"root": "/other"},
            ],
            roots=[
                a_row(schema.table("roots"), root="/videos", path_bytes=b"/videos"),
                a_row(schema.table("roots"), root="/empty", path_bytes=b"/empty"),
            ],
            run_roots=[
                a_row(walk, run_id="old", root="/videos", state="good"),
                a_row(walk, run_id="new", root="/videos", folder="/videos/a", state="good"),
                a_row(walk, run_id="new", root="/videos", folder="/videos/b", state="held back", held_back_count=9),
            ],
        )

        assert [("/empty", None, 0, 0, None), ("/other", None, 1, 0, None), ("/videos", "held back", 2, 1, 9)] == (
            library.ask("SELECT root, state, present_count, missing_count, held_back_count FROM roots_now")
        )
        assert [(7,)] == library.ask("SELECT size_bytes FROM roots_now WHERE root = '/videos'")
