"""What paths mean. Cases follow the naming pages of Plex, Jellyfin and Kodi; every title is invented."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core.settings import IdentifySettings
from tasks.core.titles import normal_title
from tasks.identify.identifier import PARSER_VERSION, Identifier, as_json, identify_path
from tasks.identify.parsers import GUESSIT_VERSION
from tasks.schema.files import Identities
from tests.identify.library import library

SHARED = Path(__file__).parents[3] / "shared" / "identify"

EPISODES = [
    # Plex: "Show (Year)/Season XX/Show (Year) - sXXeYY - Name"
    ("/tv/Amber Bay (2010)/Season 02/Amber Bay (2010) - s02e17 - A Name.mkv", "Amber Bay", 2010, 2, [17]),
    ("/tv/Amber Bay (2010)/Season 02/Amber Bay (2010) - s02e17-e18 - A Name.mkv", "Amber Bay", 2010, 2, [17, 18]),
    # Jellyfin: "Series Name A (2010)/Season 01/Series Name A S01E01-E02.mkv"
    ("/tv/Amber Bay (2010)/Season 01/Amber Bay S01E01-E03.mkv", "Amber Bay", 2010, 1, [1, 2, 3]),
    ("/tv/Amber Bay/Season 1/S01E05 - A Name.mkv", "Amber Bay", None, 1, [5]),
    # Kodi: s01e02, s01.e02, s01_e02, 1x02, several in one file as s01e02e03 and 1x02x03
    ("/tv/Amber Bay/amber_bay.s01e02.avi", "Amber Bay", None, 1, [2]),
    ("/tv/Amber Bay/amber_bay.s01.e02.avi", "Amber Bay", None, 1, [2]),
    ("/tv/Amber Bay/amber_bay.s01_e02.avi", "Amber Bay", None, 1, [2]),
    ("/tv/Amber Bay/amber_bay_1x02.avi", "Amber Bay", None, 1, [2]),
    ("/tv/Amber Bay/amber_bay.s01e02e03.avi", "Amber Bay", None, 1, [2, 3]),
    ("/tv/Amber Bay/amber_bay.1x02x03.avi", "Amber Bay", None, 1, [2, 3]),
    ("/tv/Amber Bay/amber_bay_ep02.avi", "Amber Bay", None, None, [2]),
    ("Amber.Bay.S06E14E15.1080p.WEB-DL.x264-GRP", "Amber Bay", None, 6, [14, 15]),
    ("Amber Bay - 5x13-5x14 - A Name.mkv", "Amber Bay", None, 5, [13, 14]),
    ("Amber.Bay.2005.S01E02.720p.HDTV.x264-GRP.mkv", "Amber Bay", 2005, 1, [2]),
    # Season folders of other languages, and specials
    ("/serien/Amber Bay/Staffel 1/Amber Bay - S01E04.mkv", "Amber Bay", None, 1, [4]),
    ("/tv/Amber Bay/S03/Amber Bay - S03E04.mkv", "Amber Bay", None, 3, [4]),
    ("/tv/Amber Bay/Specials/Amber Bay - S00E03 - A Name.mkv", "Amber Bay", None, 0, [3]),
    ("/tv/Amber Bay/Season 2/05 - A Name.mkv", "Amber Bay", None, 2, [5]),
    ("/tv/Amber Bay/Season 2/205 - A Name.mkv", "Amber Bay", None, 2, [5]),
    ("/tv/Amber Bay/Specials/A Day Behind The Scenes Of It.mkv", "Amber Bay", None, 0, []),
    # Folders of shows without season folders
    ("/tv/Amber Bay/001 - A Name.avi", "Amber Bay", None, None, [1]),
    ("/tv/Amber Bay/102 A Name.avi", "Amber Bay", None, 1, [2]),
    ("/anime/Amber Bay/12.mkv", "Amber Bay", None, None, [12]),
    ("/tv/12 Bays/12 Bays S01E03.mkv", "12 Bays", None, 1, [3]),
    # Titles that are numbers, years, or words that mean something elsewhere
    ("1992.S01E01.720p.mkv", "1992", None, 1, [1]),
    ("/tv/1992/Season 1/1992 - S01E01.mkv", "1992", None, 1, [1]),
    ("24.S01E01.720p.mkv", "24", None, 1, [1]),
    ("/tv/Extras/Season 1/Extras - S01E01.mkv", "Extras", None, 1, [1]),
    ("Trailer.Harbor.S02E03.720p.mkv", "Trailer Harbor", None, 2, [3]),
    ("Amber Bay - S01E05 - The Interview.mkv", "Amber Bay", None, 1, [5]),
    # The words of people
    ("Amber Bay Season 1 Episode 5 720p.mkv", "Amber Bay", None, 1, [5]),
    ("Amber Bay Staffel 3 Folge 4.mkv", "Amber Bay", None, 3, [4]),
    ("[Group] Amber Bay - 05v2 (1080p) [ABCD1234].mkv", "Amber Bay", None, None, [5]),
    ("[Group] Amber Bay 2nd Season - 05 [1080p].mkv", "Amber Bay", None, 2, [5]),
    ("Amber Bay 第2季 第05集 1080p.mkv", "Amber Bay", None, 2, [5]),
    ("/dl/Amber.Bay.S01E02.720p.HDTV.x264-GRP/grp-ab.mkv", "Amber Bay", None, 1, [2]),
    ("C:\\TV\\Amber Bay\\Season 1\\Amber Bay - 1x03.mkv", "Amber Bay", None, 1, [3]),
]
MOVIES = [
    ("/movies/Blue Tower (1982)/Blue Tower (1982).mkv", "Blue Tower", 1982),
    ("/movies/Blue Tower (1982)/Blue Tower.mkv", "Blue Tower", 1982),
    ("/movies/Blue Tower (1982)/movie.mkv", "Blue Tower", 1982),
    ("/movies/Blue Tower (1982)/VIDEO_TS/VTS_01_1.VOB", "Blue Tower", 1982),
    ("/movies/Blue Tower (1982)/BDMV/STREAM/00800.m2ts", "Blue Tower", 1982),
    ("/movies/Blue Tower (1982)/Blue.Tower.1982.1080p.BluRay.x264-GRP.mkv", "Blue Tower", 1982),
    ("/dl/Blue.Tower.1982.1080p.BluRay.x264-GRP/grp-blt.mkv", "Blue Tower", 1982),
    ("Blue Tower 1982 1080p.mkv", "Blue Tower", 1982),
    ("Blue.Tower.2049.2017.2160p.mkv", "Blue Tower 2049", 2017),
    ("2012.2009.1080p.BluRay.x264-GRP.mkv", "2012", 2009),
    ("Trailer Park Tower (1948).mkv", "Trailer Park Tower", 1948),
    ("The.Sample.2010.1080p.BluRay.x264-GRP.mkv", "The Sample", 2010),
    ("/movies/The Interview (2014)/The-Interview.mkv", "The Interview", 2014),
    ("The Late Season (1999).mkv", "The Late Season", 1999),
    ("Blue Tower - Part 1 (2014).mkv", "Blue Tower - Part 1", 2014),
    ("Blue Tower - The Fall (2014) 720p.mkv", "Blue Tower - The Fall", 2014),
    ("Der.Blaue.Turm.German.DL.2012.1080p.BluRay.x264-GRP.mkv", "Der Blaue Turm", 2012),
    ("www.example.org - Blue Tower (2012) 720p.mkv", "Blue Tower", 2012),
    ("Blue Tower aka Blauer Turm (2012).mkv", "Blue Tower", 2012),
    ("(2012) Blue Tower.mkv", "Blue Tower", 2012),
    ("/movies/Towers Collection (2001-2011)/Blue Tower 2 (2004).mkv", "Blue Tower 2", 2004),
    ("/media/Blue Tower (1982)/Blue Tower (1982) CD1.avi", "Blue Tower", 1982),
    ("Голубая волна (2002).mkv", "Голубая волна", 2002),
    ("青い塔 (2002).mkv", "青い塔", 2002),
]
EXTRAS = [
    ("/movies/Blue Tower (1982)/Blue Tower (1982)-trailer.mkv", "trailer"),
    ("/movies/Blue Tower (1982)/Blue Tower-behindthescenes.mkv", "behind_the_scenes"),
    ("/movies/Blue Tower (1982)/Blue Tower (1982)-scene.mkv", "scene"),
    ("/movies/Blue Tower (1982)/Blue Tower (1982)-other.mkv", "other"),
    ("/movies/Blue Tower (1982)/trailer.mp4", "trailer"),
    ("/movies/Blue Tower (1982)/VIDEO_TS/VIDEO_TS.VOB", "other"),
    ("/movies/Blue Tower (1982)/VIDEO_TS/VTS_01_0.VOB", "other"),
    ("[Group] Blue Tower (1982) - NCOP1 [1080p].mkv", "other"),
    ("/movies/Blue Tower (1982)/Featurettes/How it was made.mkv", "featurette"),
    ("/movies/Blue Tower (1982)/Deleted Scenes/The Bridge.mkv", "deleted_scene"),
    ("/dl/Blue.Tower.1982.1080p.BluRay.x264-GRP/Sample/grp-blt-sample.mkv", "sample"),
    ("Blue.Tower.1982.1080p.BluRay.x264-GRP-sample.mkv", "sample"),
]


@pytest.mark.parametrize(("path", "title", "year", "season", "episodes"), EPISODES, ids=[e[0] for e in EPISODES])
def test_episodes(path, title, year, season, episodes):
    """
    An episode is found by its numbers, in the file's name or its folders, and gets the show's title and year.
    """
    row = identify_path(path)

    expected = ("episode", "show", normal_title(title), year, season, episodes)
    assert expected == (
        row["kind"],
        row["title_kind"],
        normal_title(row["title"]),
        row["year"],
        row["season"],
        row["episodes"],
    )


@pytest.mark.parametrize(("path", "title", "year"), MOVIES, ids=[m[0] for m in MOVIES])
def test_movies(path, title, year):
    """
    A movie is title and year, from the file's name, or from its folder where the file does not say.
    """
    row = identify_path(path)

    assert ("movie", "movie", title, year) == (row["kind"], row["title_kind"], row["title"], row["year"])
    assert [] == row["episodes"]


@pytest.mark.parametrize(("path", "kind"), EXTRAS, ids=[e[0] for e in EXTRAS])
def test_extras(path, kind):
    """
    What lies in an extras folder below a title, or ends in an extras suffix, is an extra of that title.
    """
    row = identify_path(path)

    expected = ("extra", kind, "Blue Tower", 1982, "movie")
    assert expected == (row["kind"], row["extra_kind"], row["title"], row["year"], row["title_kind"])


@pytest.mark.parametrize("root", [None, "/media", "/media/TV Shows"])
def test_a_library_of_shows_is_one_from_wherever_it_is_read(root):
    """
    ``refresh /media`` and ``refresh "/media/TV Shows"`` read the names below alike.
    """
    row = identify_path("/media/TV Shows/Amber Bay/102 A Name.avi", root=root)

    assert ("episode", "Amber Bay", 1, [2]) == (row["kind"], row["title"], row["season"], row["episodes"])


def test_a_lone_sample_is_no_film():
    """
    A download's sample without any other name is set apart, and never looked up as a film called "sample".
    """
    row = identify_path("/downloads/complete/sample.mkv")

    assert ("extra", "sample", None) == (row["kind"], row["extra_kind"], row["title_key"])


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/movies/Blue Tower (1982)/CD2/blue.tower.avi", 2),
        ("/movies/Blue Tower (1982)/Disc 1/Blue Tower (1982).avi", 1),
        ("/movies/Blue Tower (1982)/VIDEO_TS/VTS_01_3.VOB", 3),
        ("/mnt/disk1/Movies/Blue Tower (1982).mkv", None),
        ("/mnt/disk1/Blue Tower (1982)/Blue Tower (1982).mkv", None),
    ],
)
def test_discs_are_parts_of_a_film(path, part):
    """
    The folder of a disc below the film's, and the files a DVD cuts a film into, are parts and no copies; a hard disk
    above the film is nothing of the kind.
    """
    row = identify_path(path)

    assert ("movie", "Blue Tower", 1982, part) == (row["kind"], row["title"], row["year"], row["part"])


def test_extras_of_a_show_belong_to_the_show():
    """
    An extra below a season folder is looked up as a show, not as a movie.
    """
    row = identify_path("/tv/Amber Bay (2010)/Season 1/Featurettes/The Music.mkv")

    assert ("extra", "show", "Amber Bay", 2010) == (row["kind"], row["title_kind"], row["title"], row["year"])


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("/tv/Late Bay/Season 2021/Late Bay - 2021-07-12.mkv", datetime.date(2021, 7, 12)),
        ("/tv/Late Bay/Late Bay.2021.07.12.A.Guest.mkv", datetime.date(2021, 7, 12)),
        ("/tv/Late Bay/Late Bay 12.07.2021.mkv", datetime.date(2021, 7, 12)),  # Kodi: dd.mm.yyyy
        ("Late.Bay.2021.07.12.720p.WEB.h264-GRP.mkv", datetime.date(2021, 7, 12)),
        ("Late Bay 12th Jul 2021 WEBRip h264-GRP.mkv", datetime.date(2021, 7, 12)),
    ],
)
def test_episodes_named_by_day(path, day):
    """
    A date is an episode's day; its year is not the year of the show.
    """
    row = identify_path(path)

    assert ("episode", day, "Late Bay", None) == (row["kind"], row["date"], row["title"], row["year"])


def test_a_day_that_the_calendar_does_not_have_is_no_date():
    """
    2021-02-31 does not become a date, and does not raise.
    """
    assert None is identify_path("Late Bay - 2021-02-31.mkv")["date"]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/movies/Blue Tower (1982) {tmdb-12}/x.mkv", {"tmdb": 12}),
        ("Blue Tower (1982) [tmdbid=12].mkv", {"tmdb": 12}),
        ("Blue Tower (1982) [imdbid-tt0012345].mkv", {"imdb": "tt0012345"}),
        ("Blue Tower (1982) {imdb-tt0012345}.mkv", {"imdb": "tt0012345"}),
        ("Blue Tower (1982) [tt0012345].mkv", {"imdb": "tt0012345"}),
        ("/tv/Amber Bay {tvdb-77}/Season 1/Amber Bay - S01E01.mkv", {"tvdb": 77}),
        ("/tv/Amber Bay [tvdbid-77] {tmdb-5}/Season 1/S01E01.mkv", {"tvdb": 77, "tmdb": 5}),
        ("Blue Tower (1982) {tmdb-0}.mkv", {}),
        ("Blue Tower (1982) [imdb-123].mkv", {}),
    ],
)
def test_ids_in_names(path, ids):
    """
    Ids are read from file and folders in the notations of Plex, Jellyfin and Emby, and leave no trace in the title.
    """
    document = as_json(identify_path(path))

    assert ids == document["ids"]
    assert document["title"] in ("Blue Tower", "Amber Bay", "Blue Tower (1982) [imdb-123]")


def test_ids_that_contradict_each_other_lower_the_confidence():
    """
    Two ids of one service for one file cannot both be right.
    """
    agreeing = identify_path("/movies/Blue Tower (1982) {tmdb-12}/Blue Tower (1982) {tmdb-12}.mkv")
    clashing = identify_path("/movies/Blue Tower (1982) {tmdb-12}/Blue Tower (1982) {tmdb-13}.mkv")

    assert clashing["confidence_ratio"] <= 0.5 < agreeing["confidence_ratio"]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("Blue Tower (1982) {edition-Final Cut}.mkv", "edition", "Final Cut"),
        ("/movies/Blue Tower (1982)/Blue Tower (1982) - [Directors Cut].mkv", "edition", "Director's Cut"),
        ("Blue.Tower.1982.EXTENDED.1080p.BluRay.x264-GRP.mkv", "edition", "Extended"),
        ("Blue.Tower.1982.1080p.BluRay.x264-GRP.mkv", "resolution", "1080p"),
        ("Blue.Tower.1982.4K.WEB-DL.mkv", "resolution", "2160p"),
        ("Blue.Tower.1982.1080i.HDTV.mkv", "resolution", "1080i"),
        ("Blue.Tower.1982.1920x1080.HDTV.mkv", "resolution", "1080p"),
        ("Blue.Tower.1982.1080p.BluRay.x264-GRP.mkv", "source", "Blu-ray"),
        ("Amber.Bay.S01E01.1080p.WEB-DL.H264-GRP.mkv", "source", "Web"),
        ("Amber.Bay.S01E01.1080p.WEB-DL.H264-GRP.mkv", "release_group", "GRP"),
        ("Amber.Bay.S01E01.1080p.WEB-DL.mkv", "release_group", None),
        ("[Group] Amber Bay - 05 [1080p].mkv", "release_group", "Group"),
        ("Amber Bay - S01E01 - A Well-Known Name.mkv", "release_group", None),
        ("/movies/Blue Tower (1982)/Blue Tower (1982) - part2.avi", "part", 2),
        ("/movies/Blue Tower (1982)/Blue Tower-cd1.avi", "part", 1),
        ("Blue Tower - Part 1 (2014).mkv", "part", None),
    ],
)
def test_claims_of_names(path, field, value):
    """
    Resolution, source, edition, group and part are read behind the title, and only there.
    """
    assert value == identify_path(path)[field]


def test_names_at_and_above_the_root_say_nothing():
    """
    A root that looks like a movie's folder gives its files neither title nor year.
    """
    path = "/data/Old Films (1999)/S01E01.mkv"

    assert None is identify_path(path, root="/data/Old Films (1999)")["title"]
    assert "Old Films" == identify_path(path, root="/data")["title"]


def test_a_root_of_bytes_is_the_same_root():
    """
    Paths come from the operating system as bytes; text and bytes give the same answer.
    """
    path, root = "/data/Blue Tower (1982)/Blue Tower.mkv", "/data"

    assert identify_path(path, root=root) == identify_path(path.encode(), root=root.encode())


def test_ranges_neither_run_backwards_nor_without_end():
    """
    A range that would hold more episodes than one file may is one episode, and a lower second number is not a range.
    """
    few = IdentifySettings(max_episodes=3)

    assert [1] == identify_path("Amber Bay - S01E01-E40.mkv")["episodes"]
    assert [9] == identify_path("Amber Bay - S01E09-E02.mkv")["episodes"]
    assert [1, 2, 3] == identify_path("Amber Bay - S01E01-E03.mkv", settings=few)["episodes"]
    assert [1] == identify_path("Amber Bay - S01E01-E04.mkv", settings=few)["episodes"]


def test_a_bare_number_is_both_readings():
    """
    ``103`` may be the third episode of season 1 or the 103rd of all: both are given, and the answer is not sure.
    """
    row = identify_path("Amber.Bay.103.HDTV.XviD-GRP.avi")

    assert (1, [3], [103]) == (row["season"], row["episodes"], row["absolute"])


def test_a_pack_tells_its_seasons():
    """
    A name that spans seasons gives first and last, and the command line's document lists them.
    """
    row = identify_path("Amber.Bay.S01-S03.1080p.BluRay.x264-GRP")

    assert (1, 3) == (row["season"], row["last_season"])
    assert [1, 2, 3] == as_json(row)["season"]


def test_confidence_falls_when_folder_and_file_disagree():
    """
    The folder's show is believed, and the answer marked as not sure.
    """
    row = identify_path("/tv/Amber Bay (2010)/Season 1/Crimson Peak S01E02.mkv")

    assert ("Amber Bay", 2010, 1, [2]) == (row["title"], row["year"], row["season"], row["episodes"])
    assert row["confidence_ratio"] <= 0.5


def test_a_movie_without_a_year_is_never_sure():
    """
    Words alone do not tell a movie from anything else.
    """
    assert identify_path("Holiday in the Mountains.mp4")["confidence_ratio"] < 0.9


@pytest.mark.parametrize("name", [".mkv", "---.mkv", "  .mp4", "!!!.avi", "", "/", "\n"])
def test_a_name_that_says_nothing_is_unknown(name):
    """
    A name without a letter or digit is unknown, has no title and no key.
    """
    row = identify_path(name)

    assert ("unknown", None, None, None) == (row["kind"], row["title"], row["title_kind"], row["title_key"])


def test_files_that_say_the_same_share_a_title_key():
    """
    Spelling, dots and case do not make two titles of one; another year or kind does.
    """
    first = identify_path("/movies/Blue Tower (1982)/Blue Tower (1982).mkv")["title_key"]

    assert first == identify_path("blue.tower.1982.1080p.BluRay.x264-GRP.mkv")["title_key"]
    assert first == identify_path("/movies/Blue Tower (1982)/Blue Tower (1982)-trailer.mkv")["title_key"]
    assert first != identify_path("Blue Tower (1983).mkv")["title_key"]
    assert first != identify_path("/tv/Blue Tower (1982)/Season 1/S01E01.mkv")["title_key"]


def test_the_version_names_our_rules_and_guessit():
    """
    A new guessit or new rules of ours give another version, so that names are read again.
    """
    rules, _, guessit = PARSER_VERSION.partition("+guessit")

    assert rules.isdigit()
    assert GUESSIT_VERSION == guessit


def test_one_identifier_gives_what_many_give():
    """
    The memory of folders changes nothing but the time: the order of a batch does not matter.
    """
    paths = [path for path, *_ in EPISODES + MOVIES + EXTRAS]
    identifier = Identifier()

    together = [identifier.identify(path) for path in reversed(paths)]

    assert [identify_path(path) for path in reversed(paths)] == together


def test_a_clean_library_is_read_right():
    """
    Of 4,000 names made after the servers' naming pages at least 99 % are right in every field that the name settles.
    """
    identifier = Identifier()
    wrong = []

    for named in library(4_000):
        row = identifier.identify(named.path, root="/media")
        missed = {
            field: row[field]
            for field, value in named.expect.items()
            if (normal_title(row[field] or "") != normal_title(value) if field == "title" else row[field] != value)
        }
        if missed:
            wrong.append((named.path, missed))

    assert len(wrong) <= 40, wrong[:10]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the corpus of third-party names is not beside the project")
def test_third_party_names_are_read_no_worse_than_by_guessit(tmp_path):
    """
    On the development corpus all asserted fields are right at least as often as in guessit's own rows.
    """
    identifier = Identifier()
    cases = (SHARED / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps(as_json(identifier.identify(json.loads(case)["path"]))) for case in cases))

    def right(answers: Path) -> float:
        document = tmp_path / "score.json"
        argv = [sys.executable, str(SHARED / "score.py"), str(answers), "--json", str(document)]
        subprocess.run(argv, check=True, capture_output=True)
        hits, total = json.loads(document.read_text())["TOTAL"]["ALL"]
        return float(hits / total)

    assert right(rows) >= right(SHARED / "guessit_rows.jsonl")


PIECES = st.sampled_from(
    [
        "S01E01", "1x02", "-E05", "2010", "(1999)", "1080p", "[Group]", "{tmdb-5}",
        "/", "\\", "Season 1", "Specials", ".mkv", "-trailer", "Extras", "第1話",
        "【", "】", "()", "[", "]", "E", "-", " ",
        ".", "_", "German", "x264-GRP", "www.", " aka ", "12 of 3", "\n",
        "\x00", "\x1b[31m", "\ud800", "\udcff", "🎬", "١٢", "½", "Ⅱ",
        "tt0000000", "2021-02-31", "99999999999",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@example("C:\\")
@example("S01E" + "1" * 4000)
@example("9" * 5000)
@example("[" * 300)
@example("a/" * 400 + "S01E01.mkv")
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map("".join)))
def test_no_name_raises_and_every_answer_is_a_row(path):
    """
    Whatever the text: an answer that fits the table's types and checks and can be written as JSON in UTF-8.
    """
    row = Identifier().identify(path)

    document = json.dumps(as_json(row), ensure_ascii=False)
    assert as_json(row) == json.loads(document.encode("utf-8"))
    assert not row["rule"].startswith("failed")
    frame = Identities.frame([row | {"file_id": "a"}])
    assert 1 == Identities.validate(frame).height


@settings(max_examples=60, deadline=None)
@example(b"/tv/Caf\xe9 (2010)/Season 1/S01E01.mkv")
@given(st.binary(max_size=80))
def test_no_bytes_raise(path):
    """
    Names are bytes to the operating system; those that are no UTF-8 are read as far as they go.
    """
    row = Identifier().identify(path, root=b"/tv")

    assert pl.Series([row["path"]]).dtype == pl.String


def test_undecodable_bytes_do_not_hide_the_rest():
    """
    A Latin-1 name still gives its numbers; the path shows the byte as an escape.
    """
    row = identify_path(b"/tv/Caf\xe9 (2010)/Season 1/S01E02.mkv")

    assert (2010, 1, [2]) == (row["year"], row["season"], row["episodes"])
    assert "/tv/Caf\\xe9 (2010)/Season 1/S01E02.mkv" == row["path"]
