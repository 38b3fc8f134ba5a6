"""``reelhouse serve``: runs that are started, retried and cancelled in the Prefect UI, and all that may end a run.

``PICTURES=docs/pictures pytest tests/flows/test_serve.py --basetemp=/tmp/videos`` saves what the browser shows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.server import Server, free_port
from tasks.core.atomic import TEMPORARY_PREFIX
from tasks.core.layout import DataFolder
from tasks.core.settings import Room, Settings
from tasks.standin.demo_titles import CLOCKMAKERS_ID, SALT_FERRY_ID
from tasks.standin.faults import RequestLog
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tasks.timings.store import read_timings
from tasks.warehouse.lock import holding
from tasks.warehouse.runs import read_run_record
from tests.flows.house import (
    TOKEN,
    Done,
    House,
    a_house,
    about_the_library,
    ask_prefect,
    copy_records,
    processes_of,
    until,
)
from tests.flows.test_faults import CUT_POSTERS, DAMAGED_PICTURES, DETAILS_OF_ONE, SHORT_STILLS

pytest.importorskip("playwright")
from tests.flows.prefect_ui import PrefectUi, a_browser, chromium

pytestmark = [
    pytest.mark.skipif(chromium() is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here"),
    pytest.mark.timeout(1_500),
]

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
RUN_S = 400.0
"""How long a run is waited for at most; five seconds are usual."""
SLOW_S = 0.5
"""Latency where a run is to be cut: with one connection its 40 requests take 20 seconds."""
CUTS = 3
NUMBER = "Folders listed at once on a network share."
"""The description of ``discovery.remote_threads``, a number from 1 to 128."""
CANCEL_BUDGET_S = 60


@dataclass
class Served:
    """A ``reelhouse serve`` at work."""

    process: subprocess.Popen[str]
    server: Server

    @property
    def deployment(self) -> dict[str, Any]:
        (deployment,) = ask_prefect(self.server, "/deployments/filter", {})
        return dict(deployment)

    def start_run(self) -> str:
        """Start a run as the UI does; the path of all that need no browser."""
        path = f"/deployments/{self.deployment['id']}/create_flow_run"
        return str(ask_prefect(self.server, path, {"state": {"type": "SCHEDULED"}})["id"])

    def state(self, run_id: str) -> dict[str, Any]:
        return dict(ask_prefect(self.server, f"/flow_runs/{run_id}")["state"])

    def final_state(self, run_id: str) -> dict[str, Any]:
        """The state in which a run ends."""
        until(lambda: self.state(run_id)["type"] in FINAL, within_s=RUN_S)
        return self.state(run_id)


@contextmanager
def served(house: House, library: Path) -> Iterator[Served]:
    """Serve ``library`` from ``house``, and end with the block."""
    port = free_port()
    process = house.start("serve", library, "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline() or process.stderr.read()
        assert f"The Prefect UI is at {url} (Ctrl-C ends it)\n" == first
        yield Served(process, Server(f"{url}/api", url, None))
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def a_library_house(folder: Path, first_start: Path, service: StandIn, **variables: str) -> House:
    """A house whose data folder, and so its deployment, is named ``library``."""
    house = a_house(folder, None, service, **variables)
    house = replace(house, data=DataFolder(folder / "library"))
    copy_records(first_start, house.data.prefect)
    return house


def measured_paths(house: House, run_id: str) -> Counter[str]:
    """How often each file was measured, over all executions of a run."""
    timings = read_timings(house.data.timings, run_id)
    return Counter(timings.filter(timings["name"] == "probe.file")["item"].to_list())


@dataclass(frozen=True)
class Retried:
    """A run that was started and retried in the browser."""

    house: House
    run_id: str
    form: str
    """All the form says."""
    refusal: str
    """What the form says to a number that is too large."""
    api_refusal: tuple[int, str]
    failed: dict[str, Any]
    failed_record: dict[str, Any]
    artifacts: dict[str, str]
    """Type by key, of the failed run."""
    failed_report: str
    requests: RequestLog
    """From the click on Retry on."""
    completed: dict[str, Any]
    record: dict[str, Any]
    report: str
    strangers: set[str]


@pytest.fixture(scope="module")
def retried(tmp_path_factory, first_start, toy_library) -> Retried:
    """One film answers 503, a poster is cut, two stills end early; then all is well, and Retry is clicked."""
    with StandIn() as service:
        house = a_library_house(
            tmp_path_factory.mktemp("serve"),
            first_start,
            service,
            REELHOUSE_SCRAPE__ATTEMPTS="2",
            REELHOUSE_ARTWORK__ATTEMPTS="2",
            REELHOUSE_FLOW__RETRIES="1",
        )
        service.set_faults(DETAILS_OF_ONE, CUT_POSTERS, SHORT_STILLS)
        with served(house, toy_library) as serve, a_browser(serve.server.ui_url) as ui:
            form, refusal, run_id = fill_in(ui, str(serve.deployment["id"]))
            failed = serve.final_state(run_id)
            failed_record = record_of(house, run_id)
            artifacts = artifacts_of(serve, run_id)
            ui.open_artifact(artifacts["refresh-report"]["id"], f"movie:tmdb:{CLOCKMAKERS_ID}")
            ui.picture("report")
            ui.open_run(run_id, "Failed")
            ui.picture("failed")
            service.set_faults()
            service.clear()
            ui.retry()
            until(lambda: serve.state(run_id)["type"] not in FINAL, within_s=RUN_S)
            completed = serve.final_state(run_id)
            ui.open_run(run_id, "Completed")
            ui.picture("completed")
            return Retried(
                house,
                run_id,
                form,
                refusal,
                refused_by_api(serve),
                failed,
                failed_record,
                {key: artifact["type"] for key, artifact in artifacts.items()},
                artifacts["refresh-report"]["data"],
                service.requests(),
                completed,
                record_of(house, run_id),
                artifacts_of(serve, run_id)["refresh-report"]["data"],
                ui.strangers,
            )


def fill_in(ui: PrefectUi, deployment_id: str) -> tuple[str, str, str]:
    """Start a run with the form: its words, what it says to a wrong value, and the id of the run."""
    ui.open_form(deployment_id, NUMBER)
    form = ui.page.inner_text("body")
    ui.picture("form")
    number = ui.number_field(NUMBER)
    good = number.input_value()
    number.fill("1000")
    ui.submit()
    refusal = str(number.evaluate("field => field.validationMessage"))
    number.fill(good)
    ui.submit()
    return form, refusal, ui.started_run()


def refused_by_api(serve: Served) -> tuple[int, str]:
    """What the server answers to a number where a list of folders is asked for."""
    question = {"parameters": {"roots": 5}, "state": {"type": "SCHEDULED"}}
    path = f"{serve.server.api_url}/deployments/{serve.deployment['id']}/create_flow_run"
    answer = httpx.post(path, json=question, trust_env=False, timeout=30)
    return answer.status_code, answer.json()["detail"]


def record_of(house: House, run_id: str) -> dict[str, Any]:
    record = read_run_record(house.data.path, run_id)
    assert record is not None
    return record


def artifacts_of(serve: Served, run_id: str) -> dict[str, dict[str, Any]]:
    """The artifacts of a run, by key."""
    found = ask_prefect(serve.server, "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
    return {artifact["key"]: artifact for artifact in found}


def descriptions(room: type[Room]) -> Iterator[str]:
    """The descriptions of all settings."""
    for setting in room.model_fields.values():
        if isinstance(setting.annotation, type) and issubclass(setting.annotation, Room):
            yield from descriptions(setting.annotation)
        elif setting.description:
            yield setting.description


def test_the_form_describes_every_setting(retried):
    """
    The browser shows, for each setting, what it does.
    """
    shown = " ".join(retried.form.split())

    wanted = list(descriptions(Settings))
    assert 40 < len(wanted)
    assert [] == [words for words in wanted if " ".join(words.split()) not in shown]


def test_the_form_refuses_a_wrong_value(retried):
    """
    1000 where 128 is the most: the browser says so and sends nothing, as the one run with the right value shows.
    """
    assert "Value must be less than or equal to 128." == retried.refusal


def test_the_server_refuses_a_wrong_value(retried):
    """
    HTTP 409, and the name of the parameter, to whoever goes past the form.
    """
    status, detail = retried.api_refusal

    assert 409 == status
    assert "roots" in detail


def test_a_run_with_failures_is_failed_and_says_what_to_do(retried):
    """
    Two of the batches failed, that of the film and that of the pictures, and the message names Retry.
    """
    assert "FAILED" == retried.failed["type"]
    assert retried.failed["message"].startswith("2 of ")
    assert "Retry" in retried.failed["message"]
    assert "incomplete" == retried.failed_record["state"]


def test_it_has_done_all_that_could_be_done(retried, toy_library):
    """
    All files are measured; of four titles one is missing, and of the pictures those that were damaged.
    """
    stages = {row["stage"]: row for row in retried.failed_record["run_stages"]}

    assert toy_facts(toy_library).file_count == retried.failed_record["probe_count"]
    assert (3, 1) == (stages["scrape"]["done_count"], stages["scrape"]["failed_count"])
    assert DAMAGED_PICTURES == stages["artwork"]["failed_count"]
    assert 0 < stages["artwork"]["done_count"]


def test_its_report_names_the_failed_items(retried):
    """
    The report, and a table beside it, are artifacts of the run; the film and the poster stand in them.
    """
    assert "markdown" == retried.artifacts["refresh-report"]
    assert "table" == retried.artifacts["refresh-failures"]
    for item in (f"movie:tmdb:{CLOCKMAKERS_ID}", f"movie:tmdb:{SALT_FERRY_ID} poster 1"):
        assert item in retried.failed_report


def test_retry_asks_for_exactly_what_is_missing(retried):
    """
    The details of the film, its poster and its backdrop, and the three damaged pictures. No search, no configuration,
    nothing else.
    """
    assert {("GET", "movie"): 1, ("GET", "image"): 2 + DAMAGED_PICTURES} == retried.requests.counts


def test_retry_measures_nothing_again(retried, toy_library):
    """
    Each file was measured once, in the first execution.
    """
    counts = measured_paths(retried.house, retried.run_id)

    assert toy_facts(toy_library).file_count == len(counts)
    assert {1} == set(counts.values())


def test_after_retry_the_same_run_is_completed(retried):
    """
    Also in its record and its report, where no failure is left. The two files that cannot be read and the film that
    nobody knows are set aside; they do not make a run red.
    """
    set_aside = Counter(row["refused_by"] for row in retried.record["quarantine"])

    assert ("COMPLETED", "Completed") == (retried.completed["type"], retried.completed["name"])
    assert ("completed", []) == (retried.record["state"], retried.record["failures"])
    assert {"probe": 2, "match": 1} == set_aside
    assert f"movie:tmdb:{SALT_FERRY_ID} poster 1" not in retried.report


def test_the_pages_tell_nobody_about_the_library(retried):
    """
    All that a browser asks of others than our server is the settings file of Prefect's analytics, which are off.
    """
    asked = {url.partition("?")[0].rpartition("/")[0] for url in retried.strangers}

    assert asked <= {"https://sr-client-cfg.amplitude.com/config"}


def test_after_retry_the_tables_are_those_of_an_undisturbed_run(retried, refreshed):
    """
    All tables about the library are equal.
    """
    expected, found = about_the_library(refreshed.house), about_the_library(retried.house)

    assert set(expected) == set(found)
    for name, rows in expected.items():
        assert rows == found[name], name


@dataclass(frozen=True)
class Cut:
    """A run that was cancelled, lost its server by ``kill -9``, and was told to end, before it completed."""

    house: House
    run_id: str
    skipped: dict[str, Any]
    cancelled: dict[str, Any]
    cancel_took_s: float
    cancelled_record: dict[str, Any]
    left_by_cancel: dict[int, str]
    alive: dict[int, str]
    """What worked before the ``kill -9``."""
    left_by_kill: dict[int, str]
    killed_record: dict[str, Any]
    lost: dict[str, Any]
    """Its state after the next ``reelhouse serve`` has started."""
    is_scheduled: bool
    """Whether that one has taken up the schedule."""
    told_status: int
    told_stderr: str
    left_by_term: dict[int, str]
    told_record: dict[str, Any]
    done: Done
    requests: RequestLog
    """From the beginning to the end."""


@pytest.fixture(scope="module")
def cut(tmp_path_factory, first_start, toy_library) -> Cut:
    """One run of a slow service, ended three times; each time it had been given a few answers more."""
    with StandIn(StandInOptions(latency_s=SLOW_S)) as service:
        house = a_library_house(
            tmp_path_factory.mktemp("cut"),
            first_start,
            service,
            REELHOUSE_SCRAPE__CONNECTIONS="1",
            REELHOUSE_ARTWORK__CONNECTIONS="1",
        )

        def answers(more: int) -> None:
            wanted = len(service.requests().entries) + more
            assert until(lambda: len(service.requests().entries) >= wanted, within_s=RUN_S)

        with served(house, toy_library) as serve:
            with a_browser(serve.server.ui_url) as ui:
                runs = {serve.start_run(), serve.start_run()}
                assert until(lambda: any(serve.state(run)["type"] == "COMPLETED" for run in runs), within_s=RUN_S)
                (second,) = (run for run in runs if serve.state(run)["type"] == "COMPLETED")
                (run_id,) = runs - {second}
                answers(3)
                began_s = time.monotonic()
                ui.cancel_in_v1(run_id)
                cancelled = serve.final_state(run_id)
                took_s = time.monotonic() - began_s
                left_by_cancel = left(house, but={"flows.cli serve", "flows.server", "prefect server"})
                cancelled_record = record_of(house, run_id)
                skipped = serve.state(second)
                ui.retry_in_v1(run_id, "Cancelled")
            answers(2)
            alive = processes_of(house.data.path)
            serve.process.kill()
            left_by_kill = left(house)
        with holding(house.data.warehouse):
            killed_record = record_of(house, run_id)
        with served(house, toy_library) as serve:
            lost, schedules = serve.state(run_id), serve.deployment["schedules"]
            retry_with_prefect(serve, run_id)
            answers(2)
            serve.process.terminate()
            _, stderr = serve.process.communicate(timeout=60)
            left_by_term = left(house)
        with holding(house.data.warehouse):
            told_record = record_of(house, run_id)
        done = house.run("retry", "--json", token=TOKEN)
        return Cut(
            house,
            run_id,
            skipped,
            cancelled,
            took_s,
            cancelled_record,
            left_by_cancel,
            alive,
            left_by_kill,
            killed_record,
            lost,
            [True] == [schedule["active"] for schedule in schedules],
            serve.process.returncode,
            stderr,
            left_by_term,
            told_record,
            done,
            service.requests(),
        )


def left(house: House, but: set[str] = frozenset()) -> dict[int, str]:  # type: ignore[assignment]
    """Processes of the house besides those whose command holds one of ``but``, after time to end."""

    def found() -> dict[int, str]:
        alive = processes_of(house.data.path)
        return {pid: command for pid, command in alive.items() if not any(part in command for part in but)}

    until(lambda: not found(), within_s=40)
    return found()


def retry_with_prefect(serve: Served, run_id: str) -> None:
    """``prefect flow-run retry``: for those who know Prefect."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_API_URL": serve.server.api_url, "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "flow-run", "retry", run_id]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)


def test_a_second_run_is_skipped_and_says_so(cut):
    """
    Completed with the name Skipped, at once, while the first one works; its message says who holds the warehouse.
    """
    assert ("COMPLETED", "Skipped") == (cut.skipped["type"], cut.skipped["name"])
    assert "is being refreshed by " in cut.skipped["message"]


def test_cancel_ends_a_run(cut):
    """
    Cancelled within a minute of the click, in Prefect and in its record, and no process of it is left.
    """
    assert "CANCELLED" == cut.cancelled["type"]
    assert CANCEL_BUDGET_S > cut.cancel_took_s
    assert "cancelled" == cut.cancelled_record["state"]
    assert {} == cut.left_by_cancel


def test_a_run_does_not_outlive_the_server(cut):
    """
    After ``kill -9`` of ``reelhouse serve`` neither the Prefect server nor the process of the run works on.
    """
    commands = "\n".join(cut.alive.values())

    for part in ("flows.cli serve", "prefect server start", "prefect.engine"):
        assert part in commands
    assert {} == cut.left_by_kill
    assert cut.killed_record["state"] in ("cancelled", "crashed")


def test_what_was_lost_can_be_retried(cut):
    """
    The next ``reelhouse serve`` says that the run has crashed, where it would be Running for ever, and takes up the
    schedule.
    """
    assert "CRASHED" == cut.lost["type"]
    assert cut.is_scheduled


def test_serve_ends_when_told_to(cut):
    """
    SIGTERM is how a service is ended: exit status 0, one line on stderr, the run is cancelled, nothing is left.
    """
    assert 0 == cut.told_status
    assert 1 == len(cut.told_stderr.splitlines())
    assert "Traceback" not in cut.told_stderr
    assert "cancelled" == cut.told_record["state"]
    assert {} == cut.left_by_term


def test_the_command_line_completes_the_run(cut):
    """
    ``reelhouse retry`` takes the newest run, the one that was cut three times, and completes it.
    """
    assert (0, "") == (cut.done.status, cut.done.stderr)
    assert (cut.run_id, "completed") == (cut.done.record["run_id"], cut.done.record["state"])


def test_what_was_answered_is_not_asked_again(cut):
    """
    Each address was asked once, but for the one request that was on its way when the run was cut: three at most.
    """
    counts = Counter(cut.requests.addresses)

    again = {address: count for address, count in counts.items() if count > 1}
    assert CUTS >= sum(count - 1 for count in again.values()), again


def test_what_was_measured_is_not_measured_again(cut, toy_library):
    """
    Measuring was done before the first cut.
    """
    counts = measured_paths(cut.house, cut.run_id)

    assert toy_facts(toy_library).file_count == len(counts)
    assert {1} == set(counts.values())


def test_after_three_cuts_the_tables_are_those_of_an_undisturbed_run(cut, refreshed):
    """
    All tables about the library are equal.
    """
    expected, found = about_the_library(refreshed.house), about_the_library(cut.house)

    assert set(expected) == set(found)
    for name, rows in expected.items():
        assert rows == found[name], name


def test_nothing_is_left_half_written(cut):
    """
    No temporary file lies in the data folder, and staging is empty.
    """
    staging = cut.house.data.staging(cut.run_id).parent

    assert [] == [path for path in cut.house.data.path.rglob(f"{TEMPORARY_PREFIX}*") if "prefect" not in path.parts]
    assert not staging.exists() or [] == list(staging.iterdir())
