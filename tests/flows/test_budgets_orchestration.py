"""What a flow costs beyond its steps, and how good times to go are: the arithmetic, and a benchmark in miniature."""

from __future__ import annotations

import threading

import pytest

from flows.benchmark_runs import Run, program
from flows.budgets_eta import eta_errors, eta_rows, sampling
from flows.budgets_orchestration import FLOW, PLAIN, must_be_alike, share, share_rows
from tasks.core.progress import Progress, StageProgress
from tests.flows.house import TOKEN, a_house, about_the_library


def a_run(wall_s: float = 1.0, **found: object) -> Run:
    return Run(10, wall_s, 1.0, found={"step_count": 12, "stages": [], "settings": {}} | found)


def a_stage(done: int, *, finished_s: float | None = None, **facts: object) -> StageProgress:
    known = {"stage": "probe", "total": 100, "done": done, "failed": 0, "started_s": 50.0}
    return StageProgress(**{**known, "finished": finished_s is not None, "finished_s": finished_s, **facts})


@pytest.mark.parametrize(("flow_s", "plain_s", "expected"), [(10.0, 9.0, 0.1), (8.0, 8.0, 0.0), (4.0, 5.0, -0.25)])
def test_the_share_is_of_the_flow(flow_s, plain_s, expected):
    """
    1 s more in a flow of 10 s is a tenth; a flow that was faster is not called 0.
    """
    assert expected == pytest.approx(share(a_run(flow_s), a_run(plain_s), lambda run: run.wall_s))


@pytest.mark.parametrize("other", [{"step_count": 13}, {"stages": [{"stage": "probe"}]}, {"settings": {"workers": 1}}])
def test_runs_that_did_other_work_are_not_compared(other):
    """
    Other steps, other items or other settings: there is no table.
    """
    must_be_alike([a_run(1.0), a_run(2.0)])

    with pytest.raises(SystemExit, match=next(iter(other))):
        must_be_alike([a_run(), a_run(**other)])


def test_an_even_stage_tells_the_truth():
    """
    One item a second: whenever it is asked, what it tells is what is left.
    """
    seen = [(50.0 + s, a_stage(s)) for s in range(100)] + [(150.0, a_stage(100, finished_s=150.0))]

    (found,) = eta_errors({"probe": seen})

    assert ("probe", 100, 100.0, [0.0, 0.0, 0.0], []) == tuple(found.values())


def test_an_error_is_told_over_left():
    """
    25 items in 40 s let expect 120 s for the others, 50 in 50 s 50 s, 80 in 70 s 17.5 s: 60, 50 and 30 s were left.
    """
    seen = [(90.0, a_stage(25)), (100.0, a_stage(50)), (120.0, a_stage(80)), (150.0, a_stage(100, finished_s=150.0))]

    (found,) = eta_errors({"probe": seen})

    assert [1.0, 0.0, 17.5 / 30 - 1] == pytest.approx(found["errors"])


def test_a_stage_that_nobody_waits_for_has_no_row():
    """
    Under 3 s, without a total, or not finished: nothing can be said. Where the end was seen at once no error can be.
    """
    short = [(51.0, a_stage(50)), (52.9, a_stage(100, finished_s=52.9))]
    uncounted = [(90.0, a_stage(100, total=None, finished_s=90.0))]
    unfinished = [(90.0, a_stage(50))]
    at_once = [(51.0, a_stage(0)), (60.0, a_stage(100, finished_s=60.0))]

    assert [] == eta_errors({"a": short, "b": uncounted, "c": unfinished})
    assert [[None] * 3] == [found["errors"] for found in eta_errors({"d": at_once})]


def test_medians_of_the_errors_keep_to_the_budget():
    """
    -10, 25 and 60 % after a quarter have a median of 25 %, which is within; 30 % after a half is not.
    """

    def runs(after_half: float) -> list[list[dict[str, object]]]:
        return [
            [{"stage": "probe", "items": 1_000, "took_s": 10.0, "errors": [error, after_half, None], "beside": []}]
            for error in (-0.1, 0.25, 0.6)
        ]

    (kept,) = eta_rows("a run", runs(0.2))
    (not_kept,) = eta_rows("a run", runs(0.3))

    assert ("a run", "probe", "1,000", "10.0 s (10.0-10.0)") == kept[:4]
    assert ("+25 % (-10 to +60)", "+20 % (+20 to +20)", "nothing left", "kept") == kept[4:]
    assert "NOT KEPT" == not_kept[-1]


@pytest.mark.parametrize(
    ("stage", "errors", "said"),
    [("load", [2.0, 2.0, 2.0], "not an even load"), ("probe", [None, None, None], "not measured")],
)
def test_what_cannot_be_judged_is_not(stage, errors, said):
    """
    Rows of large and small tables are no even load; a stage whose end came at once said nothing.
    """
    (row,) = eta_rows("a run", [[{"stage": stage, "items": 10, "took_s": 4.0, "errors": errors, "beside": []}]])

    assert said == row[-1]


def test_a_stage_that_had_company_is_no_even_load():
    """
    Two stages begin together, one ends half-way and leaves the machine to the other: that is said, and who it was.
    """
    both = [(75.0, a_stage(25)), (100.0, a_stage(50)), (110.0, a_stage(75)), (120.0, a_stage(100, finished_s=120.0))]
    other = [(100.0, a_stage(100, finished_s=100.0))]

    found = eta_errors({"probe": both, "identify": other})
    rows = eta_rows("a run", [found])

    assert {"probe": ["identify"], "identify": []} == {stage["stage"]: stage["beside"] for stage in found}
    assert "not an even load: identify ended meanwhile" == rows[0][-1]


def test_the_end_of_a_stage_is_sampled():
    """
    However short it was: the last sample is taken when the block ends, and no thread is left.
    """
    source = Progress()
    before = threading.active_count()

    with sampling(source) as sampled:
        source.begin("probe", 1)
        source.advance("probe")

    assert sampled.samples["probe"][-1][1].finished
    assert before == threading.active_count()


def test_flow_and_plain_calls_do_the_same_work(toy_library, prefect, standin, tmp_path, monkeypatch):
    """
    Equal steps, items and settings, with all stages, and equal tables about the library; each value of both has a row.
    """
    monkeypatch.setenv("PREFECT_API_URL", prefect.api_url)
    runs = {}
    houses = {}
    for way in (FLOW, PLAIN):
        (tmp_path / way).mkdir()
        houses[way] = a_house(tmp_path / way, None, None)
    for (way, house), name in zip(houses.items(), ("refresh_as_flow", "refresh_plainly"), strict=True):
        settings = {"data_dir": str(house.data.path), "scrape": {"base_url": standin.api_url}}
        request = {"root": str(toy_library), "home": str(tmp_path / "prefect"), "settings": settings}
        runs[way] = [program(name, request, {"TMDB_TOKEN": TOKEN})]

    must_be_alike([runs[FLOW][0], runs[PLAIN][0]])
    assert about_the_library(houses[FLOW]) == about_the_library(houses[PLAIN])
    assert houses[FLOW].rows("SELECT count(*) FROM files")[0][0] == runs[PLAIN][0].work.item_count
    assert 5 == len(share_rows("test", runs))
