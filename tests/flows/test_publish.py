"""What a run shows in the Prefect UI while it works and at its end; small flows against a real server."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.core.settings import Settings
from tasks.schema.titles import Artwork, Titles
from tests.flows.house import a_house, ask_prefect
from tests.flows.test_show_failures import FAILURES, QUARANTINE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "[red]x[/red]|`*_<script>alert(1)</script>\n[a](http://b)"
PROGRESS = """
import json, logging, sys, time
from prefect import flow
from prefect.runtime import flow_run
from flows.publish import publishing_progress
from tasks.core.progress import Progress

requests = []

class Notes(logging.Handler):
    def emit(self, record):  # httpx says of each request: its method, its address
        requests.append([str(value) for value in record.args[:2]])

logging.getLogger("httpx").addHandler(Notes())
logging.getLogger("httpx").setLevel("INFO")

@flow
def working():
    stages = Progress()
    began = time.monotonic()
    try:
        with publishing_progress("refresh", stages):
            stages.begin("nothing to do", 0)
            stages.begin("discover")
            stages.begin("Plan Files", 250)
            stages.begin("broken off", 8)
            for number in range(250):
                time.sleep(0.01)
                stages.advance("Plan Files", failed=number == 7)
                stages.advance("discover", 4)
            stages.advance("broken off", 2)
            stages.finish("discover")
            raise ValueError("the flow fails")
    finally:
        print(json.dumps([str(flow_run.id), time.monotonic() - began, requests]))

@flow
def interrupted():
    stages = Progress()
    with publishing_progress("refresh", stages):
        stages.begin("probe", 4)
        stages.advance("probe", 3)
        print(json.dumps(str(flow_run.id)), flush=True)
        raise KeyboardInterrupt

working(return_state=True)
try:
    interrupted()
except KeyboardInterrupt:
    print(json.dumps("interrupted"))
"""
AWAY = """
import sys
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from flows.publish import publishing_progress
from tasks.core.progress import Progress

@flow
def working():
    stages = Progress()
    for address in sys.argv[1:]:
        with temporary_settings({PREFECT_API_URL: address}), publishing_progress("refresh", stages):
            stages.begin("probe", 2)
            stages.advance("probe", 2)
    return "done"

stages = Progress()
with publishing_progress("refresh", stages):  # outside of a run
    stages.begin("probe", 2)
print(working())
"""
REPORT = """
import json, sys
from pathlib import Path
from prefect import flow
from prefect.runtime import flow_run
from flows.publish import publish_report, tags_of
from tasks.core.layout import DataFolder
from tasks.core.settings import Settings
from tasks.core.stopwatch import span
from tasks.timings.store import recording

@flow
def reporting(folder, records, base):
    data = DataFolder(Path(folder))
    with recording(data.timings, "r", 3600):
        with span("probe.step"), span("probe.file", item="/v/slow.mkv"):
            pass
        for record in records:
            publish_report(data, record, keys_begin="refresh", image_base_url=base)
    tags = [tags_of(Settings(data_dir=folder), given) for given in ([["/v", "/v"]], [["/v", "/v"], ["/w", "/w/x"]])]
    print(json.dumps([str(flow_run.id), tags]))

for records in json.loads(sys.argv[2]):
    reporting(sys.argv[1], records, sys.argv[3])
"""


def run(folder, server, program: str, *arguments: str) -> list[Any]:
    """The lines that a program of a Prefect client prints, which are JSON."""
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    done = a_house(folder, server, None).run(*arguments, program=(str(script),))
    assert 0 == done.status, done.stderr
    return done.lines


def artifacts_of(server, flow_run_id: str) -> dict[str, dict[str, Any]]:
    """The artifacts of a run by their keys; each is there once. What Prefect makes itself, for results, has none."""
    found = ask_prefect(server, "/artifacts/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    keys = sorted(artifact["key"] for artifact in found if artifact["key"])
    assert sorted(set(keys)) == keys
    return {artifact["key"]: artifact for artifact in found if artifact["key"]}


def a_record(**given: Any) -> dict[str, Any]:
    facts = {"run_id": "r", "name": "refresh videos", "state": "incomplete", "settings": Settings().model_dump_json()}
    return {**facts, **given}


@pytest.fixture(scope="module")
def worked(tmp_path_factory, prefect):
    """What two runs have left, one that failed and one that was interrupted, and the requests of the first."""
    lines = run(tmp_path_factory.mktemp("progress"), prefect, PROGRESS)
    (failed, lasted_s, requests), interrupted, words = (json.loads(line) for line in lines)
    assert "interrupted" == words
    return artifacts_of(prefect, failed), artifacts_of(prefect, interrupted), lasted_s, requests


def test_every_stage_with_work_has_one_progress_artifact(worked):
    """
    Three stages have work, one has none; the last state is published also of a run that fails: 2 of 8 are 25 %.
    """
    found = {key: (artifact["type"], artifact["data"]) for key, artifact in worked[0].items()}

    assert {
        "refresh-progress-discover": ("progress", 100),
        "refresh-progress-plan-files": ("progress", 100),
        "refresh-progress-broken-off": ("progress", 25),
    } == found


def test_its_words_tell_how_many_how_fast_and_how_long(worked):
    """
    Done of total, failed and rate; a stage without a total counts what it has found: 250 times 4.
    """
    said = {key.rpartition("-")[2]: artifact["description"] for key, artifact in worked[0].items()}

    assert re.fullmatch(r"Plan Files: 250/250, 1 failed, [\d.]+/s, in [\d.]+ s", said["files"])
    assert re.fullmatch(r"discover: 1,000, [\d.]+/s, in [\d.]+ s", said["discover"])
    assert re.fullmatch(r"broken off: 2/8, [\d.]+/(s|min), .* left", said["off"])


def test_one_update_a_second_over_all_stages(worked):
    """
    250 changes of a percentage in some seconds: at most an update for each of them, and a last one for each stage.
    """
    _, _, lasted_s, requests = worked

    updates = [address for method, address in requests if method == "PATCH" and "/artifacts/" in address]
    creations = [address for method, address in requests if method == "POST" and address.endswith("/artifacts/")]
    assert 1 <= len(updates) <= int(lasted_s) + 3
    assert 3 == len(creations)


def test_an_interrupted_run_shows_how_far_it_came(worked):
    """
    Ctrl-C does not wait for anything but the last state: 3 of 4.
    """
    assert {"refresh-progress-probe": 75} == {key: artifact["data"] for key, artifact in worked[1].items()}


def test_a_server_that_is_away_does_not_hold_up_the_run(tmp_path, prefect):
    """
    One address refuses, one takes the request and never answers: the run goes on, and says nothing on stderr.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        addresses = [f"http://127.0.0.1:{server.getsockname()[1]}/api" for server in (closed, silent)]
        closed.close()

        lines = run(tmp_path, prefect, AWAY, *addresses)

    assert ["done"] == lines


@pytest.fixture(scope="module")
def reported(tmp_path_factory, prefect):
    """A run that has published its report with all there is, and once more after the failures had gone."""
    folder = tmp_path_factory.mktemp("report")
    collected = folder / "data" / "staging" / "r" / "collected"
    collected.mkdir(parents=True)
    titles = [(n, "Glass Harbour" if n else HOSTILE, "movie" if n % 2 else "show") for n in range(8)]
    Titles.frame(
        {"title_id": f"{kind}:tmdb:{n}", "kind": kind, "title": title, "year": 2001, "scraped_at": NOW}
        for n, title, kind in titles
    ).write_parquet(collected / "titles.parquet")
    Artwork.frame(
        {"artwork_id": f"{n}-{rank}", "owner_id": f"{kind}:tmdb:{n}", "kind": "poster", "rank": rank}
        | {"provider": "tmdb", "source_path": f"/p {n}.jpg", "file": "f", "content_hash": "h", "format": "JPEG"}
        | {"size_bytes": 1, "fetched_at": NOW}
        for n, _, kind in titles
        for rank in (1, 2)
    ).write_parquet(collected / "artwork.parquet")
    many = [FAILURES[0] | {"item_id": f"{n}", "item": f"{n} {HOSTILE}"} for n in range(203)]
    first = a_record(failures=many, quarantine=QUARANTINE)
    second = a_record(state="completed", quarantine=QUARANTINE)
    runs = [[first], [first, second], [a_record(state="completed")]]
    lines = run(folder, prefect, REPORT, str(folder / "data"), json.dumps(runs), "http://pictures/t/p/")
    ids, tags = zip(*map(json.loads, lines), strict=True)
    return *(artifacts_of(prefect, flow_run_id) for flow_run_id in ids), tags[0]


def test_failures_and_quarantine_are_tables(reported):
    """
    At most 200 rows, and the description says that there are more; each row has cause, attempts and next step.
    """
    table = reported[0]["refresh-failures"]

    rows = json.loads(table["data"])
    assert 200 == len(rows)
    assert "Items that failed, the first 200 of 203; all of them: reelhouse failures" == table["description"]
    assert ("probe", "ProbeTimedOut", "3") == (rows[0]["stage"], rows[0]["cause"], rows[0]["attempts"])
    assert "reelhouse retry" in rows[0]["next step"]
    assert 2 == len(json.loads(reported[0]["refresh-quarantine"]["data"]))


def test_names_are_no_markup_in_tables(reported):
    """
    The UI reads cells as Markdown: a tag, a link and a line's end of a name are escaped.
    """
    cell = json.loads(reported[0]["refresh-failures"]["data"])[0]["item"]

    assert r"0 [red]x[/red]|\`\*\_\<script>alert(1)\</script>\n[a]\(http\://b)" == cell


def test_what_a_retry_has_settled_is_no_failure_any_more(reported):
    """
    The run's table of failures is emptied, and there is still one report: the newer one.
    """
    table = reported[1]["refresh-failures"]

    assert ([], "Items that failed: none are left") == (json.loads(table["data"]), table["description"])
    assert "completed" in reported[1]["refresh-report"]["data"].splitlines()[0]


def test_a_run_without_failures_has_no_tables(reported):
    """
    What is empty is not shown.
    """
    assert {"refresh-failures", "refresh-quarantine"} & reported[2].keys() == set()


def test_the_first_six_posters_are_images(reported):
    """
    Of eight titles with two posters each the best of six, in the size for posters, at an address a browser can load.
    """
    posters = {key: artifact for key, artifact in reported[0].items() if artifact["type"] == "image"}

    assert [f"refresh-poster-{n}" for n in range(1, 7)] == sorted(posters)
    addresses = [poster["data"] for _, poster in sorted(posters.items())]
    assert [f"http://pictures/t/p/w342/p%20{n}.jpg" for n in (1, 3, 5, 7, 2, 4)] == addresses
    assert r"Glass Harbour (2001)" == posters["refresh-poster-1"]["description"]


def test_the_report_links_to_the_run_its_tables_and_the_titles(reported, prefect):
    """
    The run's page and its tables in the UI, and TMDB's page of each title.
    """
    report = reported[0]["refresh-report"]["data"]

    tables = [reported[0][f"refresh-{name}"]["id"] for name in ("failures", "quarantine")]
    assert re.search(rf"\[This run in the Prefect UI\]\(<{prefect.ui_url}/runs/flow-run/[0-9a-f-]+>\)", report)
    for table in tables:
        assert f"(<{prefect.ui_url}/artifacts/artifact/{table}>)" in report
    assert "[Glass Harbour (2001)](<https://www.themoviedb.org/movie/1>)" in report
    assert "[Glass Harbour (2001)](<https://www.themoviedb.org/tv/2>)" in report


def test_the_report_tells_times_that_are_not_on_disk_yet(reported):
    """
    The recording goes on while the report is made: what was measured a moment ago is in it.
    """
    report = reported[0]["refresh-report"]["data"]

    assert "### Time of each step" in report
    assert re.search(r"\| probe\.file \| /v/slow\.mkv \|", report)


def test_tags_tell_the_library_and_the_kind(reported):
    """
    A run that a person started is manual; one that was asked for a folder inside a root is partial.
    """
    assert [["data", "manual"], ["data", "manual", "partial"]] == reported[3]
