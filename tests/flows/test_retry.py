"""What failed is done again from the command line: that and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tasks.standin.faults import RequestLog
from tasks.standin.library import toy_facts
from tests.flows.house import TOKEN, Done, House, a_copy, a_house, ask_prefect
from tests.flows.test_faults import CUT_POSTERS, DAMAGED_PICTURES, DETAILS_OF_ONE, SHORT_STILLS

PICTURES_OF_ONE = 2
"""Of the film without details: poster and backdrop; its logo is a drawing."""


@dataclass(frozen=True)
class Story:
    """A run with faults, what became of it, and what else was tried."""

    house: House
    faulty: Done
    other_root: Done
    """A refresh of another root in between: it has nothing to do with what failed."""
    retried: Done
    requests: RequestLog
    """Those of the retry."""
    again: Done
    """A second retry: there is nothing left."""
    late: Done
    """A retry of a run that a later one of the same root has overtaken."""
    flow_run: dict[str, Any]
    asked_again: Done
    """A refresh that tries what was set aside for good."""


@pytest.fixture(scope="module")
def story(tmp_path_factory, prefect, toy_library, standin, forker) -> Story:
    folder = tmp_path_factory.mktemp("retry")
    house = a_house(
        folder, prefect, standin, forker, REELHOUSE_SCRAPE__ATTEMPTS="1", REELHOUSE_ARTWORK__ATTEMPTS="1",
        REELHOUSE_FLOW__RETRIES="0",
    )  # fmt: skip
    other = folder / "other"
    a_copy(toy_library / "Movies", other)
    standin.set_faults(DETAILS_OF_ONE, CUT_POSTERS, SHORT_STILLS)
    faulty = house.refresh(toy_library)
    other_root = house.refresh(other)
    run_id = faulty.record["run_id"] if faulty.status == 1 else ""
    standin.set_faults()
    standin.clear()
    retried = house.run("retry", run_id, "--json", token=TOKEN)
    requests = standin.requests()
    again = house.run("retry", run_id)
    house.refresh(other)
    late = house.run("retry", other_root.documents[-1]["run_id"])
    flow_run = ask_prefect(prefect, f"/flow_runs/{run_id}")
    asked_again = house.refresh(toy_library, "--set-aside")
    return Story(house, faulty, other_root, retried, requests, again, late, flow_run, asked_again)


def test_the_run_completes_as_the_same_run(story):
    """
    Exit status 1 before and 0 after, one flow run with the same name, and the time of both executions in its record.
    """
    before, after = story.faulty.documents[-1], story.retried.record

    assert (1, 0) == (story.faulty.status, story.retried.status), story.retried.stderr
    assert ("incomplete", "completed") == (before["state"], after["state"])
    assert (before["run_id"], before["name"], before["started_at"]) == (
        after["run_id"], after["name"], after["started_at"],
    )  # fmt: skip
    assert after["wall_s"] > before["wall_s"]
    assert ("COMPLETED", 2) == (story.flow_run["state"]["type"], story.flow_run["run_count"])


def test_exactly_what_is_missing_is_asked_for(story):
    """
    The details of the one film, its pictures, and the pictures that were damaged; no file is measured again.
    """
    expected = {("GET", "movie"): 1, ("GET", "image"): PICTURES_OF_ONE + DAMAGED_PICTURES}

    assert expected == story.requests.counts
    assert story.faulty.documents[-1]["probe_count"] == story.retried.record["probe_count"]
    assert not story.retried.record["failures"]


def test_the_stages_add_up_over_both_executions(story):
    """
    Every item of every stage is done once.
    """
    for stage in ("probe", "identify", "match", "scrape", "artwork"):
        counts = story.retried.stage(stage)
        assert counts["total"] == sum(count for name, count in counts.items() if name != "total"), stage
        assert "failed" not in counts


def test_progress_of_a_retry_ends_at_what_there_is(story):
    """
    Also stages of which everything was done before are shown as finished.
    """
    stages = {row["stage"] for row in story.retried.record["run_stages"]} - {"discover"}  # which counts files
    last = {line["stage"]: line for line in story.retried.documents if line.get("stage") in stages}

    assert {"probe", "identify", "scrape", "artwork"} <= set(last)
    assert [] == [line for line in last.values() if not line["finished"] or line["done"] != line["total"]]


def test_a_second_retry_has_nothing_to_do(story):
    """
    Refused with the reason, and the run stays completed.
    """
    assert (2, b"") == (story.again.status, story.again.stdout)
    assert "all of this run is done" in story.again.stderr


def test_a_run_of_another_root_in_between_changes_nothing(story):
    """
    It has nothing to do with what failed: its rows stay, and the retry is not refused because of it.
    """
    ((other_count,),) = story.house.rows("SELECT count(*) FROM files WHERE path LIKE '%/other/%'")

    assert story.other_root.documents[-1]["file_count"] == other_count > 0


def test_a_run_that_a_later_one_has_overtaken_is_not_retried(story):
    """
    The other root was refreshed once more since: what its first run left is done.
    """
    assert (1, 2) == (story.other_root.status, story.late.status)
    assert "nothing to redo: a later run" in story.late.stderr


def test_what_was_set_aside_is_tried_again_when_asked(story, toy_library):
    """
    The files that cannot be read are measured once more, the unknown title is searched once more; nothing else.
    """
    facts = toy_facts(toy_library)

    assert facts.unreadable_count == story.asked_again.record["probe_count"]
    assert {"total": facts.file_count, "unchanged": facts.file_count - facts.unreadable_count} == {
        name: count for name, count in story.asked_again.stage("probe").items() if name != "quarantined"
    }
    assert (1, 0) == (story.asked_again.stage("match")["quarantined"], story.asked_again.status)
