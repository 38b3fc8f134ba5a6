"""The notebook about one run: on the sample, on a run whose answers are known, and where there is none."""

from __future__ import annotations

import json
import os

import orjson
import pytest
from nbclient.exceptions import CellExecutionError

from tasks.core.layout import DataFolder
from tasks.schema.timings import Timings
from tests.notebooks.execution import SAMPLE, WHERE_TIME_GOES, charts, kept, outputs, words
from tests.timings.test_waterfall import BEGAN, a_run, a_span

TITLES = [
    "Share of the run by stage",
    "The run from beginning to end",
    "How much was at work, moment by moment",
    "The slowest items of each kind",
    "Requests over time",
    "Memory in use",
]


def put(data: DataFolder, run_id: str, *spans: dict[str, object], record: dict[str, object] | None = None) -> None:
    """Leave a run in ``data`` as a refresh does: its timings, and its record, where it has one."""
    folder = data.timings / f"run_id={run_id}"
    folder.mkdir(parents=True)
    rows = [{**span, "run_id": run_id} for span in spans]
    Timings.frame(rows).write_parquet(folder / "part-1-000000-000000-000000.parquet")
    if record is not None:
        data.runs.mkdir(exist_ok=True)
        (data.runs / f"{run_id}.json").write_bytes(orjson.dumps(record | {"run_id": run_id}))


@pytest.fixture(scope="module")
def on_sample(run_notebook):
    return run_notebook(WHERE_TIME_GOES, DATA=str(SAMPLE), PICTURES="svg")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A run of 10 s with a name, failures, memory and items with awkward names; an older one that was cut off."""
    data = DataFolder(tmp_path_factory.mktemp("data"))
    put(data, "run-0", a_span(2, "probe.step", 0, 2), a_span(3, "probe.step", 2, 2))
    files = [
        a_span(10 + n, "probe.file", n / 10, 0.1 + n / 100, parent_id=2, item=f"/films/[red]\n|{'long ' * 20}{n}.mkv")
        for n in range(40)
    ]
    asked = [
        a_span(
            60 + n, "http.request", 6 + n / 10, 0.2, parent_id=3, host="api", ok=n != 7, status=503 if n == 7 else 200
        )
        for n in range(20)
    ]
    memory = [
        a_span(
            100 + n, "resources.memory", n, 2**20 * (n + 1), kind="value", unit="byte",
            attributes=json.dumps({"whose": whose}),
        )
        for n in range(10)
        for whose in ("run", "workers")
    ]  # fmt: skip
    counted = a_span(200, "load.rows_per_statement", 9, 1234, kind="value", unit=None)
    refused = {"refused_by": "probe", "cause": "UnreadableVideo", "reason": "no video"}
    record = {
        "name": "calm-otter",
        "started_at": BEGAN.isoformat(),
        "state": "incomplete",
        "failures": [{"stage": "scrape", "cause": "HTTP 503"}] * 3,
        "quarantine": [refused],
        "run_stages": [],
    }
    steps = [a_span(2, "probe.step", 0, 5), a_span(3, "scrape.step", 6, 3)]
    put(data, "run-1", a_run(10), *steps, *files, *asked, *memory, counted, record=record)
    os.utime(data.timings / "run_id=run-0" / "part-1-000000-000000-000000.parquet", (1, 1))
    return data


@pytest.fixture(scope="module")
def on_known(run_notebook, data):
    return run_notebook(WHERE_TIME_GOES, DATA=str(data.path), PICTURES="svg")


def test_every_question_gets_its_chart(on_sample):
    """
    The sample has all that the notebook asks for: a chart for each question, in this order.
    """
    assert TITLES == [title for title, drawn in zip(TITLES, charts(on_sample), strict=True) if title in drawn]


def test_the_sample_shows_the_night_with_most_work(on_sample):
    """
    In the fifth night, 9 January, 80 files were new, the service refused films and a file could not be read.
    """
    said = words(on_sample)

    assert "Run **refresh videos 2026-01-09 03:00**" in said
    assert "| scrape | " in said
    assert "| probe | UnreadableVideo | set aside | " in said


def test_it_is_kept_with_what_it_shows(on_sample):
    """
    Run again on the sample it says word for word what it is kept with, and draws as many charts.
    """
    then = kept(WHERE_TIME_GOES)

    assert outputs(then, "text/markdown") == outputs(on_sample, "text/markdown")
    assert len(outputs(then, "image/png")) == len(charts(on_sample))


@pytest.mark.parametrize(
    "expected",
    [
        "Run **calm-otter** began at 2026-01-01 00:00 UTC and took **10.0 s**",
        "Most of it went to probe 50%, scrape 30%. Scopes with a name hold 80% of the run.",
        "**20 requests**, 1 of them failed.",
        "At most: **10.0 MiB** (run), **10.0 MiB** (workers).",
        "| scrape | HTTP 503 | failed | 3 |",
        "| probe | UnreadableVideo | set aside | 1 |",
        "| http.request | 503 | 1 |",
        "| load.rows_per_statement | 1 | 1,234 | 1,234 | 1,234 |",
    ],
)
def test_the_words_tell_what_the_run_did(on_known, expected):
    """
    The newest run: 5 s of measuring, 3 s of asking and 2 s of neither, in 10 s; memory grew by 1 MiB a second.
    """
    assert expected in words(on_known)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Share of the run by stage", "probe scrape (nothing measured)"),
        ("Share of the run by stage", "5.0 s, 50 %"),
        ("The run from beginning to end", "└ probe.file × 37"),
        ("The run from beginning to end", "└ http.request × 17, failed"),
        ("How much was at work, moment by moment", "probe.file http.request"),
        ("Requests over time", "api, failed"),
        ("Memory in use", "run workers"),
    ],
)
def test_the_charts_show_the_run(on_known, title, expected):
    """
    Rows and colours are named after what was measured; of the 40 files of a step three are drawn by themselves.
    """
    (drawn,) = [drawn for drawn in charts(on_known) if title in drawn]

    assert expected in drawn


def test_awkward_names_stay_on_their_line(on_known):
    """
    Newlines of file names are written as escapes; long names keep their end, where files differ.
    """
    (drawn,) = [drawn for drawn in charts(on_known) if "The slowest items" in drawn]

    assert "long 39.mkv" in drawn
    assert "[red]" not in drawn
    assert 5 == drawn.count(".mkv")


def test_interactive_charts_tell_the_rows_of_their_marks(run_notebook):
    """
    As Vega-Lite's specification has it: ``config.mark.tooltip.content`` is ``data`` for all fields of a row.
    """
    drawn = outputs(run_notebook(WHERE_TIME_GOES, DATA=str(SAMPLE), PICTURES="html"), "text/html")

    assert len(TITLES) == len(drawn)
    assert all('"mark": {"tooltip": {"content": "data"}}' in page for page in drawn)


def test_a_run_can_be_chosen(run_notebook, data):
    """
    RUN names an older run, here one that was cut off: it has no record and no memory, and says so.
    """
    notebook = run_notebook(WHERE_TIME_GOES, DATA=str(data.path), RUN="run-0", PICTURES="svg")

    assert "Run `run-0` began" in words(notebook)
    assert "it still works or was cut off" in words(notebook)
    assert "Memory in use: this run took no readings" in words(notebook)


def test_a_run_that_is_not_there_is_said(run_notebook, data):
    """
    A mistyped id is answered with those that there are, not with another run.
    """
    notebook = run_notebook(WHERE_TIME_GOES, DATA=str(data.path), RUN="run-9", PICTURES="svg")

    assert "There are no timings of a run `run-9` here.** The newest that have some: `run-1`, `run-0`." in words(
        notebook
    )
    assert [] == charts(notebook)


def test_before_the_first_run_it_says_what_to_do(run_notebook, tmp_path):
    """
    An empty folder gives a sentence that names it instead of an error, and no chart; so does one that is not there.
    """
    for folder in (tmp_path, tmp_path / "mistyped"):
        notebook = run_notebook(WHERE_TIME_GOES, DATA=str(folder), PICTURES="svg")

        assert "There is no run here yet" in words(notebook)
        assert f"Looked in `{folder}`." in words(notebook)
        assert [] == charts(notebook)


def test_a_number_names_a_run_and_what_is_no_record_is_left_out(run_notebook, tmp_path):
    """
    papermill makes a number of ``-p RUN 7``; a record that was cut off is named and hides no run.
    """
    data = DataFolder(tmp_path)
    put(data, "7", a_run(4), record={"name": "seven", "started_at": BEGAN.isoformat(), "state": "completed"})
    put(data, "8", a_run(5), record={"name": "eight", "started_at": BEGAN.isoformat(), "state": "completed"})
    for name in ("cut", "bare"):
        (data.runs / f"{name}.json").write_text("{" if name == "cut" else "{}")

    said = words(run_notebook(WHERE_TIME_GOES, DATA=str(tmp_path), RUN=7, PICTURES="svg"))

    assert "Run **seven** began" in said
    assert f"**Left out:** {data.runs / 'cut.json'} is no record of a run: it is not whole." in said
    assert f"**Left out:** {data.runs / 'bare.json'} is no record of a run: it has no run_id." in said


def test_a_way_of_drawing_that_is_not_there_is_refused_by_name(run_notebook):
    """
    One sentence with those that there are.
    """
    with pytest.raises(CellExecutionError, match=r'PICTURES must be "png", "svg" or "html", not \'gif\''):
        run_notebook(WHERE_TIME_GOES, DATA=str(SAMPLE), PICTURES="gif")
