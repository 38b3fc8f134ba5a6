"""The few lines that go to a telephone."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.report.facts import RunFacts, facts
from tasks.report.notice import notice

COUNTS = ("total", "unchanged", "done", "quarantined", "failed", "deferred")


def a_run(state: str = "completed", **changes: Any) -> RunFacts:
    run = {"run_id": "0b5e", "name": "refresh Films 2026-11-21 03:00", "state": state, "roots": '["/videos/Films"]'}
    return facts(run | changes)


def a_stage(stage: str, *counts: int) -> dict[str, Any]:
    return {"stage": stage, **{f"{name}_count": count for name, count in zip(COUNTS, counts, strict=True)}}


def a_failure(item: str, stage: str = "probe", reason: str = "no answer") -> dict[str, Any]:
    row = {"stage": stage, "item_id": item, "item": item, "cause": "ProbeTimedOut", "reason": reason}
    return row | {"run_id": "0b5e", "is_transient": True, "attempts": 3}


def a_root(root: str, state: str) -> dict[str, Any]:
    row = {"root": root, "folder": root, "state": state, "reason": "40 of 50 files are missing at once"}
    return row | {"file_count": 10, "expected_count": 50, "held_back_count": 40}


@pytest.mark.parametrize(
    ("run", "title", "kind"),
    [
        (a_run(), "refresh of Films completed", "success"),
        (a_run("crashed"), "refresh of Films crashed", "failure"),
        (a_run("cancelled"), "refresh of Films was cancelled", "warning"),
        (a_run("incomplete"), "refresh of Films is incomplete", "warning"),
        (a_run("crashed", roots=None), "refresh crashed", "failure"),
        (a_run("crashed", run_stages=[a_stage("probe", 5, 0, 4, 0, 1, 0)]), "refresh of Films crashed", "failure"),
        (a_run("completed", roots=["/a", "/b", "/c", "/d", "/e"]), "refresh of a b c and 2 more completed", "success"),
        (a_run("completed", roots=["/"]), "refresh of / completed", "success"),
        (
            a_run(
                "incomplete",
                run_stages=[a_stage("probe", 11_000, 0, 10_998, 0, 2, 0), a_stage("match", 1_000, 0, 999, 0, 1, 0)],
            ),
            "3 of 12,000 items failed",
            "warning",
        ),
    ],
)
def test_the_title_says_how_it_ended(run, title, kind):
    """
    The title is short and says the worst; 2 + 1 of 11,000 + 1,000 items are 3 of 12,000.
    """
    found = notice(run)

    assert f"reelhouse: {title}" == found.title
    assert kind == found.kind


def test_three_failures_are_named_and_the_rest_counted():
    """
    Of five failed items three stand there with their cause, and two are counted; then the next step.
    """
    failures = [a_failure(f"/f/{n}.mkv") for n in range(5)]
    counters = {"new_files": 5, "moved_files": 1_200, "vanished_files": 2, "changed_files": 0}
    run = a_run(
        "incomplete",
        run_stages=[a_stage("probe", 5, 0, 0, 0, 5, 0)],
        failures=failures,
        file_count=2_000,
        counters=counters,
        wall_s=75,
    )

    lines = notice(run).body.splitlines()

    assert [
        "Run refresh Films 2026-11-21 03:00 finished in 1 min 15 s; 5 items failed and can be tried again",
        "Files: 2,000 found, 5 new, 1,200 moved, 2 vanished",
        "probe /f/0.mkv: no answer (ProbeTimedOut)",
        "probe /f/1.mkv: no answer (ProbeTimedOut)",
        "probe /f/2.mkv: no answer (ProbeTimedOut)",
        "and 2 more failed",
        "Next: reelhouse failures, then reelhouse retry 0b5e",
    ] == lines


def test_a_root_that_asks_for_a_person_says_so():
    """
    Where only a root held files back, retrying would find the same: the next step is to confirm, with the path quoted.
    """
    found = notice(a_run("incomplete", run_roots=[a_root("/my videos", "held back"), a_root("/b", "unknown")]))

    assert "Root /my videos: 40 of 50 files are missing at once" in found.body.splitlines()
    assert ("reelhouse confirm-removal '/my videos'",) == found.commands


def test_a_good_run_needs_one_line():
    """
    Nothing is to be done after it; what changed stands in the sentence.
    """
    found = notice(a_run(counters={"new_files": 12}, file_count=12, wall_s=5.0))

    assert "Run refresh Films 2026-11-21 03:00 completed in 5.0 s; files: 12 new" == found.body
    assert () == found.commands


def test_it_is_short_whatever_the_names():
    """
    A path of 4,000 characters keeps its end, a reason its beginning, the next step stands, and all fits into the 1,024
    characters of Pushover (https://pushover.net/api#limits).
    """
    failures = [a_failure(f"/{'x' * 4_000}/{n}.mkv", reason="r" * 4_000) for n in range(3)]
    stages = [a_stage("probe", 3, 0, 0, 0, 3, 0)]
    run = a_run("incomplete", name="n" * 4_000, run_stages=stages, failures=failures, notes=["note" * 1_000] * 5)

    lines = notice(run).body.splitlines()

    assert "x/0.mkv: rrr" in lines[1]
    assert ["…", "Next: reelhouse failures, then reelhouse retry 0b5e"] == lines[-2:]
    assert len("\n".join(lines)) <= 1_024


def test_names_cannot_forge_lines():
    """
    A line break in a name is written as an escape: the message has as many lines as it should.
    """
    run = a_run(
        "incomplete", run_stages=[a_stage("probe", 1, 0, 0, 0, 1, 0)], failures=[a_failure("a\nNext: rm -rf /")]
    )

    lines = notice(run).body.splitlines()

    assert [r"probe a\nNext: rm -rf /: no answer (ProbeTimedOut)"] == [line for line in lines if "rm -rf" in line]
