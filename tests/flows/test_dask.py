"""A refresh on a Dask cluster of two worker processes, of which one is killed in mid-work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tasks.standin.faults import RequestLog
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tasks.timings.store import read_timings
from tests.flows.house import TOKEN, Done, House, a_house, until

pytest.importorskip("distributed")

LATENCY_S = 2.0
"""Time an answer of the metadata service takes, and so the time in which a worker waits for one."""
ABOUT_RUNS = {"runs", "run_stages", "run_roots", "run_skips", "file_events", "failures", "quarantine", "responses"}


@dataclass(frozen=True)
class Cluster:
    """A scheduler and two workers."""

    address: str
    workers: tuple[subprocess.Popen[bytes], ...]


@contextmanager
def a_cluster(folder: Path, environment: dict[str, str]) -> Iterator[Cluster]:
    """Start one, each part a process with ``environment``; workers are not replaced when they die."""
    file = folder / "scheduler.json"
    log = folder / "cluster.log"

    with ExitStack() as stack:
        errors = stack.enter_context(log.open("wb"))

        def started(*arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(file), "--no-dashboard"]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=errors, stderr=errors)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        started("scheduler", "--host", "127.0.0.1", "--port", "0")
        workers = tuple(
            started("worker", "--no-nanny", "--nthreads", "6", "--local-directory", str(folder)) for _ in range(2)
        )
        assert until(lambda: log.read_text().count("Registered to:") == 2, within_s=240), log.read_text()
        yield Cluster(json.loads(file.read_text())["address"], workers)


@dataclass(frozen=True)
class Survived:
    """The refresh of which a worker was killed."""

    house: House
    done: Done
    survivor: int
    """Process id of the other worker."""
    requests: RequestLog
    again: Done
    requests_again: RequestLog


def connections(process: subprocess.Popen[bytes], port: int) -> int:
    """How many a process has to ``port``."""
    found = psutil.Process(process.pid).net_connections(kind="tcp")
    return sum(bool(c.raddr) and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in found)


def waiting(cluster: Cluster, service: StandIn, port: int) -> list[subprocess.Popen[bytes]]:
    """The workers that wait for answers, once every question that is on its way has come to the service."""
    counts = [connections(worker, port) for worker in cluster.workers]
    if sum(counts) != service.requests().connections:
        return []
    return [worker for worker, count in zip(cluster.workers, counts, strict=True) if count]


@pytest.fixture(scope="module")
def survived(tmp_path_factory, prefect, toy_library) -> Iterator[Survived]:
    folder = tmp_path_factory.mktemp("dask")
    with StandIn(StandInOptions(latency_s=LATENCY_S)) as service:
        house = a_house(folder, prefect, service, REELHOUSE_FLOW__BATCH_SIZE="2", REELHOUSE_FLOW__RUNNER="dask")
        port = urlsplit(service.api_url).port
        assert port
        with a_cluster(folder, house.environment | {"TMDB_TOKEN": TOKEN}) as cluster:
            house = House(house.data, {**house.variables, "REELHOUSE_FLOW__DASK_SCHEDULER": cluster.address})
            process = house.start("refresh", toy_library, "--json")
            try:
                asking = until(lambda: waiting(cluster, service, port), within_s=300)
                assert asking
                killed = asking[0]
                killed.send_signal(signal.SIGKILL)
                stdout, stderr = process.communicate(timeout=600)
            finally:
                process.kill()
                process.communicate()
            requests = service.requests()
            service.clear()
            again = house.refresh(toy_library)
        yield Survived(
            house,
            Done(process.returncode, stdout.encode(), stderr),
            next(worker.pid for worker in cluster.workers if worker is not killed),
            requests,
            again,
            service.requests(),
        )


def test_the_run_completes_without_the_worker(survived):
    """
    Its batches are done by the other one, and the run says nothing of it.
    """
    assert (0, "") == (survived.done.status, survived.done.stderr)
    assert "completed" == survived.done.record["state"]
    assert [] == survived.done.record["notes"]


def test_the_worker_was_killed_in_mid_work(survived, refreshed):
    """
    It was waiting for answers: these questions, and only questions of the first stage, were asked a second time.
    """
    searches = ("search_movie", "search_tv")
    undisturbed, disturbed = (
        sum(log.count(kind) for kind in searches) for log in (refreshed.first_requests, survived.requests)
    )

    assert undisturbed < disturbed
    for kind in ("movie", "tv"):
        assert refreshed.first_requests.count(kind) == survived.requests.count(kind)


def test_nothing_is_lost(survived, toy_library):
    """
    Every stage accounts for every item, and every file is measured or set aside.
    """
    facts = toy_facts(toy_library)

    for row in survived.done.record["run_stages"]:
        parts = [row[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")]
        assert row["total_count"] == sum(parts), row
    measured = {"done": facts.file_count - facts.unreadable_count, "quarantined": facts.unreadable_count}
    assert {"total": facts.file_count} | measured == survived.done.stage("probe")


def test_the_tables_are_those_of_a_run_in_threads(survived, refreshed):
    """
    All tables about the library are equal, the times of the runs aside.
    """
    columns = refreshed.house.rows(
        "SELECT table_name, string_agg('\"' || column_name || '\"', ', ') FROM duckdb_columns() "
        "WHERE NOT internal AND data_type NOT LIKE 'TIMESTAMP%' AND table_name IN "
        "(SELECT table_name FROM duckdb_tables() WHERE NOT internal) GROUP BY table_name"
    )
    tables = {name: named for name, named in columns if name not in ABOUT_RUNS and not name.startswith("_")}

    assert {"files", "probes", "identities", "titles", "episodes", "credits", "artwork"} <= set(tables)
    for name, named in tables.items():
        query = f"SELECT {named} FROM {name} ORDER BY ALL"
        assert refreshed.house.rows(query) == survived.house.rows(query), name


def test_timings_of_workers_are_those_of_the_run(survived):
    """
    What was measured on a worker lies in the run's timings: a span for each picture's download, and none twice.
    """
    timings = read_timings(survived.house.data.timings, survived.done.record["run_id"])

    downloads = timings.filter(timings["name"] == "artwork.download")
    assert survived.done.record["image_count"] == downloads.height
    assert {survived.survivor} == set(downloads["pid"])
    assert timings.height == timings["span_id"].n_unique()


def test_an_unchanged_library_costs_nothing_there_too(survived):
    """
    The answers that workers kept are there for the next run: no file is measured, nothing is asked.
    """
    assert (0, "") == (survived.again.status, survived.again.stderr)
    assert 0 == survived.again.record["probe_count"]
    # The film that nobody knows is not searched again either, as that was less than a week ago.
    assert [] == survived.requests_again.entries


def test_a_scheduler_that_is_not_there_is_named(tmp_path, prefect, toy_library):
    """
    Within seconds, with exit status 2 and what to do.
    """
    house = a_house(tmp_path, prefect, None, REELHOUSE_FLOW__RUNNER="dask")

    nobody = "tcp://127.0.0.1:1"
    done = house.run("refresh", toy_library, "--json", "--set", f"flow.dask_scheduler={nobody}")

    assert (2, b"") == (done.status, done.stdout)
    assert f"no Dask scheduler answers at flow.dask_scheduler = {nobody}" in done.stderr
