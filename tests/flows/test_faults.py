"""The service fails for some titles and pictures, and then altogether."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tasks.standin.demo_titles import CLOCKMAKERS_ID, LOW_WATER_ID, OBSERVATORY_ID, SALT_FERRY_ID
from tasks.standin.faults import Fault, RequestLog
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tests.flows.house import Done, House, a_house, ask_prefect

DETAILS_OF_ONE = Fault(path=f"/3/movie/{CLOCKMAKERS_ID}")
CUT_POSTERS = Fault(path=f"/t/p/*/film{SALT_FERRY_ID}-poster*", action="cut")
SHORT_STILLS = Fault(path=f"/t/p/*/show{OBSERVATORY_ID}-s02e0[12]-still*", action="short")
DAMAGED_PICTURES = 1 + 2
ATTEMPTS = 2
RETRIES = 1


@dataclass(frozen=True)
class Mended:
    """A run with faults and one without, in this order."""

    house: House
    faulty: Done
    faulty_requests: RequestLog
    failures: list[tuple]
    mended: Done
    mended_requests: RequestLog


@pytest.fixture(scope="module")
def mended(tmp_path_factory, prefect, toy_library, standin, forker) -> Mended:
    """One film answers 503, the poster of another is cut and two stills end early; then all is well again."""
    house = a_house(
        tmp_path_factory.mktemp("faults"),
        prefect,
        standin,
        forker,
        REELHOUSE_SCRAPE__ATTEMPTS=str(ATTEMPTS),
        REELHOUSE_ARTWORK__ATTEMPTS=str(ATTEMPTS),
        REELHOUSE_FLOW__RETRIES=str(RETRIES),
    )
    standin.set_faults(DETAILS_OF_ONE, CUT_POSTERS, SHORT_STILLS)
    faulty = house.refresh(toy_library)
    faulty_requests = standin.requests()
    failures = house.rows(
        "SELECT stage, item, cause, is_transient, attempts, reason FROM failures ORDER BY stage, item"
    )
    standin.set_faults()
    standin.clear()
    return Mended(house, faulty, faulty_requests, failures, house.refresh(toy_library), standin.requests())


def test_a_run_with_failures_says_so(mended):
    """
    Exit status 1, and the record counts the failed items where they failed.
    """
    assert (1, "") == (mended.faulty.status, mended.faulty.stderr)
    assert "incomplete" == mended.faulty.record["state"]
    assert {"total": 4, "done": 3, "failed": 1} == mended.faulty.stage("scrape")
    assert DAMAGED_PICTURES == mended.faulty.stage("artwork")["failed"]


def test_it_is_failed_in_prefect_after_all_that_could_be_done(mended, prefect):
    """
    The flow run is Failed, so that it can be retried from the UI; the two batches with failures are, all else is
    completed, the load too.
    """
    run_id = mended.faulty.record["run_id"]

    task_runs = ask_prefect(prefect, "/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})

    by_state = {run["name"]: run["state_type"] for run in task_runs}
    failed = {name for name, state in by_state.items() if state == "FAILED"}
    assert "FAILED" == ask_prefect(prefect, f"/flow_runs/{run_id}")["state_type"]
    assert {"scrape 0000 (titles: 4)", "artwork 0000 (pictures: 23)"} == failed
    assert {"FAILED", "COMPLETED"} == set(by_state.values())
    assert mended.faulty.record["task_run_count"] == len(task_runs)


def test_every_failure_is_a_row(mended):
    """
    Stage, item, cause, whether it may pass, and how often its batch was run: once, and once more as set. A picture that
    is complete by its length and ends early is truncated; a connection that ends early is the service's fault.
    """
    owner = f"movie:tmdb:{SALT_FERRY_ID}"
    show = f"show:tmdb:{OBSERVATORY_ID}"

    assert [
        ("artwork", f"{owner} poster 1", "ImageTruncated", True, 1 + RETRIES),
        ("artwork", f"{show} season 2 episode 1 still 1", "ProviderUnavailable", True, 1 + RETRIES),
        ("artwork", f"{show} season 2 episode 2 still 1", "ProviderUnavailable", True, 1 + RETRIES),
        ("scrape", f"movie:tmdb:{CLOCKMAKERS_ID}", "ProviderUnavailable", True, 1 + RETRIES),
    ] == [failure[:5] for failure in mended.failures]


def test_the_reason_says_what_the_service_did(mended):
    """
    HTTP 503 for the film.
    """
    assert "503" in mended.failures[-1][5]


def test_a_retry_asks_for_the_failed_items_only(mended):
    """
    What failed was asked for in every try of every attempt; everything else once.
    """
    counts = {}
    for address in mended.faulty_requests.addresses:
        counts[address.partition("?")[0]] = counts.get(address.partition("?")[0], 0) + 1

    again = {path: count for path, count in counts.items() if count > 1 and "/search/" not in path}
    assert {ATTEMPTS * (1 + RETRIES)} == set(again.values())
    assert 1 + DAMAGED_PICTURES == len(again)
    assert f"/3/movie/{CLOCKMAKERS_ID}" in again


def test_what_could_be_done_is_done(mended, toy_library):
    """
    All files are measured, the other titles and pictures are there.
    """
    facts = toy_facts(toy_library)

    assert facts.file_count == mended.faulty.record["probe_count"]
    assert facts.file_count == mended.faulty.stage("identify")["done"]
    assert mended.faulty.stage("artwork")["total"] - DAMAGED_PICTURES == mended.faulty.stage("artwork")["done"]


def test_the_next_refresh_fetches_exactly_what_is_missing(mended):
    """
    The details of the one film and its two pictures (poster and backdrop, its logo is a drawing), and the three that
    were damaged; nothing else is asked.
    """
    log = mended.mended_requests

    assert {("GET", "movie"): 1, ("GET", "image"): 2 + DAMAGED_PICTURES} == log.counts
    assert (0, 0) == (mended.mended.status, mended.mended.record["probe_count"])
    assert [] == mended.mended.record["failures"]


def test_after_it_nothing_is_missing(mended, refreshed):
    """
    The same titles and the same pictures as in a house that never saw a fault.
    """
    for query in (
        "SELECT title_id, title, overview FROM titles ORDER BY ALL",
        "SELECT artwork_id, content_hash FROM artwork ORDER BY ALL",
        "SELECT title_id, credit_id, person_id FROM credits ORDER BY ALL",
    ):
        assert refreshed.house.rows(query) == mended.house.rows(query)


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory, prefect, toy_library, forker) -> tuple[House, Done]:
    """A refresh with a service that is not there: its port is closed."""
    with StandIn() as service:
        house = a_house(tmp_path_factory.mktemp("down"), prefect, service, forker, REELHOUSE_SCRAPE__ATTEMPTS="2")
    return house, house.refresh(toy_library)


def test_without_the_service_everything_local_is_done(unreachable, toy_library):
    """
    Measured, identified and loaded; the titles failed, none is lost, the exit status is 1.
    """
    house, done = unreachable
    facts = toy_facts(toy_library)

    title_count = facts.film_count + facts.show_count
    assert 1 == done.status
    assert facts.file_count == done.record["probe_count"]
    assert {"total": title_count, "failed": title_count} == done.stage("match")
    assert [(facts.file_count,)] == house.rows("SELECT count(*) FROM library")


def test_without_the_service_the_reason_is_clear(unreachable):
    """
    Each failure names the title and says that the host does not answer, and that this may pass.
    """
    house, _ = unreachable
    rows = house.rows("SELECT item, cause, is_transient, reason FROM failures")

    assert {"The Salt Ferry (2011)", "Kestrel Lane Observatory (2017)"} <= {item for item, *_ in rows}
    assert {("ProviderUnavailable", True)} == {(cause, transient) for _, cause, transient, _ in rows}
    assert all("127.0.0.1 is not answering" in reason for *_, reason in rows)


def test_without_the_service_it_ends_soon(unreachable):
    """
    Five titles, two tries each, three attempts of the batch, with hundredths of a second between: no time-out has to
    pass, so a minute is far too long.
    """
    _, done = unreachable

    assert 60 > done.record["wall_s"]


@pytest.mark.parametrize("run", ["faulty", "mended", "unreachable"])
def test_sums_add_up(mended, unreachable, run):
    """
    In every stage: total = unchanged + done + quarantined + failed + deferred.
    """
    done = unreachable[1] if run == "unreachable" else getattr(mended, run)

    for row in done.record["run_stages"]:
        parts = [row[f"{part}_count"] for part in ("unchanged", "done", "quarantined", "failed", "deferred")]
        assert row["total_count"] == sum(parts), row


def test_the_report_words_the_failures(mended):
    """
    ``reelhouse report`` of that run says what failed, why, and that it can be tried again.
    """
    done = mended.house.run("report", mended.faulty.record["run_id"])

    said = done.stdout.decode()
    assert 0 == done.status
    assert "4 items failed and can be tried again" in said
    assert f"movie:tmdb:{CLOCKMAKERS_ID}" in said
    assert "503" in said
    assert f"movie:tmdb:{LOW_WATER_ID}" not in said
