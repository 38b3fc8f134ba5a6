"""The command line, as a person, a pipe and a script use it. All commands run in a folder that is not the project's."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import httpx
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.core.layout import DataFolder
from tasks.schema.timings import Timings
from tasks.standin.library import FILMS, SHOW, toy_facts
from tests.flows.house import TOKEN, House, a_house
from tests.timings.test_export import read_csv

ONE_FILM = FILMS / "The Salt Ferry (2011)" / "The Salt Ferry (2011) - 1080p.mkv"
NO_FILM = SHOW / "Season 02" / "Kestrel Lane Observatory - S02E04 - Last Quarter.mkv"


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """A house in which nothing has been done yet."""
    return a_house(tmp_path, None, None)


@pytest.fixture(scope="module")
def known(refreshed, forker) -> House:
    """A house with a warehouse."""
    return replace(refreshed.house, forker=forker)


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_identify_reads_names_from_standard_input(empty):
    """
    One JSON object a line and name; blank lines are passed over, bytes that are no UTF-8 and CR LF do no harm.
    """
    names = b"The Salt Ferry (2011)/The Salt Ferry (2011) - 1080p.mkv\n\ncaf\xe9 (2004).mp4\r\nShow - S02E03-E04.mkv"

    done = empty.run("identify", "-", given=names)

    film, latin, episode = done.documents
    assert (0, "") == (done.status, done.stderr)
    assert ("movie", "The Salt Ferry", 2011, "1080p") == tuple(
        film[key] for key in ("kind", "title", "year", "resolution")
    )
    assert (r"caf\xe9 (2004).mp4", 2004) == (latin["path"], latin["year"])
    assert ("episode", "Show", 2, [3, 4]) == tuple(episode[key] for key in ("kind", "title", "season", "episodes"))


def test_identify_says_all_there_is_to_say(empty):
    """
    The keys that programs may rely on, whatever the name says.
    """
    (document,) = empty.run("identify", "x.mkv").documents

    assert [
        *("path", "kind", "title", "year", "season", "episodes", "absolute", "date"),
        *("edition", "part", "resolution", "source", "group", "ids", "confidence", "rule"),
    ] == list(document)


def test_probe_measures_files(empty, toy_library):
    """
    One JSON object a file, in their order; a relative path is taken from where the command runs.
    """
    folder = empty.data.path.parent
    (folder / "here.mkv").symlink_to(toy_library / ONE_FILM)

    done = empty.run("probe", "here.mkv", toy_library / ONE_FILM)

    here, there = done.documents
    assert (0, "") == (done.status, done.stderr)
    assert (str(folder / "here.mkv"), str(toy_library / ONE_FILM)) == (here["path"], there["path"])
    assert 1920 == here["video_streams"][0]["width_px"]
    assert 3 == len(here["audio_streams"]) == len(here["chapters"])


def test_probe_says_which_file_cannot_be_read(empty, toy_library):
    """
    Exit status 1; the others are measured all the same.
    """
    done = empty.run("probe", "missing.mkv", toy_library / NO_FILM, toy_library / ONE_FILM)

    assert 1 == done.status
    assert ["FileVanished", "UnreadableVideo", None] == [document["cause"] for document in done.documents]
    assert ["unreadable", "unreadable", "ok"] == [document["status"] for document in done.documents]


def test_sql_prints_a_table(known, toy_library):
    """
    A head, and a line a row.
    """
    done = known.run("sql", "SELECT kind, count(*) AS files FROM library GROUP BY kind ORDER BY kind")

    facts = toy_facts(toy_library)
    rows = [("episode", facts.episode_file_count), ("extra", facts.extra_count), ("movie", facts.film_file_count)]
    assert [["kind", "files"], *([kind, str(count)] for kind, count in rows)] == [line.split() for line in done.lines]


def test_sql_prints_csv(known):
    """
    What a CSV reader reads is what was asked: commas, quotes, newlines, lists and null.
    """
    query = "SELECT 'a,\"b\"' || chr(10) || 'c' AS text, [1, 2] AS list, NULL AS nothing, '\\xff'::BLOB AS bytes"

    done = known.run("sql", query, "--csv")

    head, row = csv.reader(io.StringIO(done.stdout.decode(), newline=""))
    assert ["text", "list", "nothing", "bytes"] == head
    assert ['a,"b"\nc', "[1, 2]", ""] == row[:3]


def test_sql_prints_json(known, refreshed):
    """
    One object a row; times in ISO 8601, bytes as text.
    """
    done = known.run("sql", "SELECT path, path_bytes, first_seen_at FROM files ORDER BY path LIMIT 2", "--json")

    first, second = done.documents
    assert first["path"] == first["path_bytes"] < second["path"]
    assert first["first_seen_at"].startswith(refreshed.first.record["started_at"][:19])


def test_sql_cannot_write(known):
    """
    Exit status 2; the message says why, and nothing has changed.
    """
    before = known.data.warehouse.read_bytes()

    done = known.run("sql", "DELETE FROM files")

    assert (2, b"") == (done.status, done.stdout)
    assert "read-only" in done.stderr
    assert before == known.data.warehouse.read_bytes()


def test_sql_shows_where_the_mistake_is(known):
    """
    Exit status 2 and DuckDB's own words, without a traceback.
    """
    done = known.run("sql", "SELEC 1")

    assert 2 == done.status
    assert 'syntax error at or near "SELEC"' in done.stderr
    assert "Traceback" not in done.stderr


def test_schema_documents_every_table_and_view(known):
    """
    Everything that is in the warehouse is in the documentation.
    """
    documented = known.run("schema").stdout.decode()

    named = known.rows(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND table_name <> 'meta' "
        "UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    )
    assert 30 < len(named)
    assert [] == [name for (name,) in named if f"`{name}`" not in documented and f" {name}\n" not in documented]


def test_schema_as_sql_builds_a_warehouse(empty):
    """
    DuckDB takes the statements as they are.
    """
    script = empty.run("schema", "--sql").stdout.decode()

    with duckdb.connect() as connection:
        connection.execute(script)
        assert [] == connection.execute("FROM library").fetchall()


def test_timings_are_summed_up_and_exported(known, tmp_path):
    """
    The newest run by default, another one by its id; as CSV and as Parquet the same records, which the table's own
    checks let pass.
    """
    as_csv, as_parquet = tmp_path / "timings.csv", tmp_path / "timings.parquet"

    first = known.run("timings", known_run(known, 0), "--csv", as_csv, "--parquet", as_parquet)
    newest = known.run("timings")

    records, again = pl.read_parquet(as_parquet), read_csv(as_csv)
    assert (0, 0) == (first.status, newest.status)
    assert "probe.file" in first.stdout.decode()
    assert "probe.file" not in newest.stdout.decode()
    assert 15 == records.filter(name="probe.file").height
    assert_frame_equal(records, again, check_exact=True)
    Timings.validate(records)
    assert [f"{records.height:,} records written to {path}" for path in (as_csv, as_parquet)] == (
        first.stderr.splitlines()
    )


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["--csv", "."], ". is a folder; name a file in it"),
        (["--parquet", ""], ". is a folder; name a file in it"),
        (["--csv", "/dev/null"], "/dev/null is no file"),
        (["--csv", "t", "--parquet", "./t"], "t is named twice"),
    ],
    ids=" ".join,
)
def test_timings_go_to_files_only(known, files, words):
    """
    Exit status 2, one line that says what is wrong, and no file.
    """
    done = known.run("timings", *files)

    assert (2, b"") == (done.status, done.stdout)
    assert words in only_line(done.stderr)
    assert not (known.data.path.parent / "t").exists()


def known_run(house: House, place: int) -> str:
    """Id of a run by its place in time."""
    records = [json.loads(path.read_bytes()) for path in house.data.runs.iterdir()]
    return sorted(records, key=lambda record: record["started_at"])[place]["run_id"]


def test_the_report_can_be_read_again(known, refreshed):
    """
    The newest run by default, another one by its id.
    """
    first = known.run("report", refreshed.first.record["run_id"]).stdout.decode()
    newest = known.run("report").stdout.decode()

    assert "Every item is accounted for" in first
    assert "15 files measured, 12 requests sent, 25 pictures downloaded" in first
    assert "nothing has changed since the last run" in newest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sql", "SELECT 1"], "there is no warehouse"),
        (["report"], "there is no run in"),
        (["report", "nobody"], "there is no run nobody in"),
        (["runs", "bundle"], "make one: reelhouse refresh"),
        (["runs", "bundle", "nobody"], 'list them: reelhouse sql "SELECT run_id, name FROM runs"'),
        (["timings"], "there are no timings in"),
        (["ui"], "there are no runs in"),
        (["refresh"], "Missing argument"),
        (["refresh", "missing folder"], "does not exist"),
        (["config", "--config", "missing.toml"], "there is no settings file"),
        (["config", "--set", "scrape.languge=de"], "there is no such setting"),
        (["nonsense"], "No such command"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_refused_with_a_reason(empty, arguments, words):
    """
    Exit status 2, the reason on stderr, nothing on stdout and nothing made.
    """
    done = empty.run(*arguments)

    assert (2, b"") == (done.status, done.stdout)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not empty.data.path.exists()


def test_a_broken_settings_file_is_refused(empty):
    """
    The one in the folder where the command runs; the message names it and the line.
    """
    (empty.data.path.parent / "reelhouse.toml").write_text("[scrape\n", encoding="utf-8")

    line = only_line(empty.run("config").stderr)

    assert str(empty.data.path.parent / "reelhouse.toml") in line
    assert "line 1" in line


def test_config_shows_values_and_whence_they_come(empty):
    """
    A line a setting with its value and origin; of a token only that it is set.
    """
    folder = empty.data.path.parent
    (folder / "reelhouse.toml").write_text('[scrape]\ncountry = "DE"\n', encoding="utf-8")

    without = empty.run("config", "--set", "probe.workers=3")
    with_token = empty.run("config", token="eyJ-very-secret")

    lines = {line.split()[0]: line.split()[1:3] for line in without.lines if line.strip()}
    assert ["DE", str(folder / "reelhouse.toml")] == lines["scrape.country"]
    assert ["3", "command"] == lines["probe.workers"]
    assert ["en-US", "default"] == lines["scrape.language"]
    assert ["0.01", "REELHOUSE_SCRAPE__BACKOFF_S"] == lines["scrape.backoff_s"]
    assert ["not", "set"] == lines["TMDB_TOKEN"]
    assert ["set", "environment"] == next(x.split()[1:3] for x in with_token.lines if x.startswith("TMDB_TOKEN"))
    assert b"very-secret" not in with_token.stdout


def test_the_data_folder_may_be_relative(known):
    """
    ``--data`` goes before the environment, and is taken from where the command runs.
    """
    house = replace(known, variables={**known.variables, "REELHOUSE_DATA_DIR": "/nowhere"})

    done = house.run("sql", "SELECT count(*) AS n FROM files", "--data", known.data.path.name, "--json")

    assert [{"n": 15}] == done.documents


def test_a_data_folder_may_have_any_name(known, tmp_path):
    """
    Spaces, quotes, signs of patterns and emoji: DuckDB opens the warehouse.
    """
    house = House(DataFolder(tmp_path / "it's [a] *folder* \N{CLAPPER BOARD}"))
    house.data.path.mkdir()
    os.link(known.data.warehouse, house.data.warehouse)

    done = house.run("sql", "SELECT count(*) AS n FROM files", "--json")

    assert [{"n": 15}] == done.documents


@pytest.mark.parametrize("command", [["sql", "SELECT 1"], ["refresh", "."]], ids=" ".join)
def test_a_data_folder_that_duckdb_cannot_open_is_refused(tmp_path, command):
    """
    DuckDB takes no path that is no UTF-8; that is said before anything is done.
    """
    house = House(DataFolder(tmp_path / os.fsdecode(b"caf\xe9")))

    done = house.run(*command)

    assert 2 == done.status
    assert r"caf\udce9" in only_line(done.stderr)
    assert not house.data.path.exists()


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["refresh", "--help"], ["sql", "-h"]], ids=" ".join)
def test_help_is_printed(empty, arguments):
    """
    Exit status 0; that of ``refresh`` explains the exit statuses.
    """
    done = empty.run(*arguments)

    assert (0, "") == (done.status, done.stderr)
    assert "Usage:" in done.stdout.decode()
    assert "refresh" not in arguments or "Exit status" in done.stdout.decode()


def test_the_installed_command_is_the_same_program(empty):
    """
    ``reelhouse`` beside the interpreter prints the version of the project.
    """
    command = Path(sys.executable).with_name("reelhouse")

    done = subprocess.run([command, "version"], capture_output=True, text=True, check=True, cwd=empty.data.path.parent)

    pyproject = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{done.stdout.split()[1]}"' in pyproject


@pytest.mark.parametrize("arguments", [["schema"], ["version"]], ids=" ".join)
def test_a_reader_that_has_gone_is_no_fault(empty, arguments):
    """
    As in ``reelhouse schema | head``: no traceback, whether the output is long or short.
    """
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=empty.environment,
        cwd=empty.data.path.parent,
        check=False,
    )
    os.close(writer)

    assert (1, b"") == (done.returncode, done.stderr)


def test_pictures_of_the_standin_may_have_a_delay_of_their_own(empty):
    """
    Answers are held back for a minute, pictures are not.
    """
    process = empty.start("standin", "--latency", "60", "--image-latency", "0")
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=url, trust_env=False) as client:
            picture = client.get("/t/p/w92/film101-poster1.jpg")
            with pytest.raises(httpx.ReadTimeout):
                client.get("/3/movie/101", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.5)
    finally:
        process.kill()
        process.communicate()

    assert (200, "image/jpeg") == (picture.status_code, picture.headers["Content-Type"])


def test_tune_names_what_is_set_otherwise_than_chosen(known):
    """
    Eight requests in flight are the fewest that are chosen, so three are less. What is set to the same as would be
    chosen is not named.
    """
    done = known.run("tune", "--json", "--set", "scrape.connections=3", "--set", "artwork.connections=8")

    (found,) = done.documents
    assert (0, "tune") == (done.status, found["event"]), done.stderr
    (proposal,) = found["proposals"]
    assert ("scrape.connections", 3) == (proposal["name"], proposal["value"])
    assert 8 <= proposal["chosen"]


def test_tune_names_batch_sizes_that_are_set(known):
    """
    Of one stage, and of all others: files and names of milliseconds each make more than five in half a minute.
    """
    done = known.run("tune", "--json", "--set", "flow.batch_size=5", "--set", "flow.batch_sizes.probe=7")

    found = {one["name"]: (one["value"], one["chosen"]) for one in done.documents[0]["proposals"]}
    assert (7, 5) == (found["flow.batch_sizes.probe"][0], found["flow.batch_size (identify)"][0]), done.stderr
    assert "flow.batch_size (probe)" not in found
    assert 7 < found["flow.batch_sizes.probe"][1]
    assert 5 < found["flow.batch_size (identify)"][1]


def test_tune_shows_how_much_of_a_limit_was_used(known):
    """
    For people: the limits of the largest run with what was at work at once, and that three runs must have told of a
    library before a prediction is judged.
    """
    done = known.run("tune")

    said = done.stdout.decode()
    assert (0, "") == (done.status, done.stderr)
    assert {"probe.workers", "scrape.connections", "artwork.connections"} <= set(said.split())
    assert "Three runs must have told of a library" in said


def test_tune_says_how_to_have_a_limit_chosen(known):
    """
    Wherever it was set, which may be no file; and why more can be at once than a limit allows.
    """
    done = known.run("tune", "--set", "scrape.connections=3")

    said = " ".join(done.stdout.decode().split())
    assert "remove it from where it is set: reelhouse config says where" in said
    assert "reelhouse.toml" not in said
    assert "What waits for its turn is counted, too" in said


def test_tune_needs_a_run(empty):
    """
    Without one it says how to make one.
    """
    done = empty.run("tune")

    assert 2 == done.status
    assert "reelhouse refresh" in only_line(done.stderr)
