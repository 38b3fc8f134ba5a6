"""How much is done at once: what is set holds, bounds hold, and the sums stay within them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import SettingsRefused
from tasks.core.settings import BatchSizes, FlowSettings, ProbeSettings, Settings
from tasks.plan.adapt import STAGES, Adapted, Disk, Facts, Machine, adapt
from tasks.plan.memory import Shape, taken_bytes

MIB = 1024**2
GIB = 1024**3
MOST_TASK_RUNS = 1_000
SINGLE_STEPS = 14
"""Tasks of a run that are no batches: one each for the snapshot, the plans, the collection, the load and the like."""

unhurried = hypothesis.settings(deadline=None)
"""The machine that runs the tests may be busy."""

counts = st.integers(0, 100_000_000)
disks = st.builds(Disk, st.sampled_from(["local", "remote"]), st.sampled_from([None, True, False]))
machines = st.builds(
    Machine,
    cores=st.integers(1, 512),
    available_bytes=st.none() | st.integers(0, 2**42),
    disks=st.lists(disks, max_size=20).map(tuple),
)
facts_of_runs = st.builds(
    Facts,
    machine=machines,
    items=st.dictionaries(st.sampled_from(("discover", *STAGES)), counts),
    item_s=st.dictionaries(st.sampled_from(STAGES), st.floats(0, 1e6)),
    call_s=st.none() | st.floats(0, 1e3),
)


def some_of(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the named settings, or none."""
    return st.fixed_dictionaries({}, optional=values)


sizes = st.integers(1, 10**6)
limits = st.none() | st.integers(512 * MIB, 2**40)
given_settings = st.fixed_dictionaries(
    {
        "probe": some_of(
            workers=st.integers(1, 64),
            remote_workers=st.integers(1, 64),
            worker_memory_bytes=st.integers(512 * MIB, 2**36),
            engine=st.sampled_from(["pyav", "ffprobe"]),
            full_hash=st.booleans(),
        ),
        "scrape": some_of(connections=st.integers(1, 20), rate_hz=st.floats(0.01, 1000)),
        "artwork": some_of(connections=st.integers(1, 20), enabled=st.booleans()),
        "warehouse": some_of(memory_bytes=st.integers(64 * MIB, 2**36), threads=st.integers(1, 256)),
        "flow": some_of(
            batch_size=sizes,
            batch_sizes=some_of(**dict.fromkeys(STAGES, sizes)),
            max_batches=st.integers(1, 150),
            disk_threads=st.integers(1, 8),
            network_threads=st.integers(1, 32),
            memory_limit_bytes=limits,
        ),
    }
)


def adapted(wanted: dict[str, Any], facts: Facts) -> Adapted:
    """What is chosen; with the smallest limit that works where the one that is wanted does not."""
    try:
        return adapt(Settings.model_validate(wanted), facts)
    except SettingsRefused:
        flow = wanted["flow"] | {"memory_limit_bytes": smallest_limit_bytes(wanted, facts)}
        return adapt(Settings.model_validate(wanted | {"flow": flow}), facts)


def smallest_limit_bytes(wanted: dict[str, Any], facts: Facts) -> int:
    """The limit that the refusal of a far too small one names."""
    flow = wanted["flow"] | {"memory_limit_bytes": 512 * MIB}
    with pytest.raises(SettingsRefused, match="the smallest that works is") as caught:
        adapt(Settings.model_validate(wanted | {"flow": flow}), facts)
    return int(str(caught.value).rpartition(" ")[2])


def shape_of(settings: Settings) -> Shape:
    """How much is done at once as the settings say it."""
    return Shape(
        workers=settings.probe.workers,
        worker_memory_bytes=settings.probe.worker_memory_bytes,
        disk_threads=settings.flow.disk_threads,
        network_threads=settings.flow.network_threads,
        connections=settings.scrape.connections,
        downloads=settings.artwork.connections,
        load_memory_bytes=settings.warehouse.memory_bytes,
        batch_sizes={stage: settings.flow.batch_size_of(stage) for stage in STAGES},
    )


def a_machine(cores: int = 2, *kinds: Disk, **facts: Any) -> Machine:
    return Machine(cores=cores, disks=kinds or (Disk("local"),), **facts)


def a_library(count: int, *stages: str) -> dict[str, int]:
    return dict.fromkeys(("discover", *(stages or ("probe",))), count)


@unhurried
@given(given_settings, facts_of_runs)
def test_what_is_chosen_keeps_the_bounds_of_the_settings(wanted, facts):
    """
    The settings would accept all of it from a person.
    """
    chosen = adapted(wanted, facts).settings

    assert chosen == Settings.model_validate(chosen.model_dump())


@unhurried
@given(given_settings, facts_of_runs)
def test_what_is_set_holds(wanted, facts):
    """
    Every value that somebody has set is the one that is used.
    """
    chosen = adapted(wanted, facts).settings

    for room in ("scrape", "artwork", "warehouse"):
        for name, value in wanted[room].items():
            assert value == getattr(getattr(chosen, room), name)
    is_remote = any(disk.profile == "remote" for disk in facts.machine.disks)
    for name, value in wanted["probe"].items():
        if name not in {"workers", "remote_workers"}:
            assert value == getattr(chosen.probe, name)
    if "workers" in wanted["probe"] and not (is_remote and "remote_workers" in wanted["probe"]):
        assert wanted["probe"]["workers"] == chosen.probe.workers
    if "remote_workers" in wanted["probe"] and is_remote:
        assert wanted["probe"]["remote_workers"] <= chosen.probe.workers
    named = wanted["flow"].get("batch_sizes", {})
    for stage in STAGES:
        expected = named.get(stage, wanted["flow"].get("batch_size"))
        assert expected in (None, chosen.flow.batch_size_of(stage))
    for name in ("disk_threads", "network_threads", "max_batches"):
        assert wanted["flow"].get(name, getattr(chosen.flow, name)) == getattr(chosen.flow, name)


@unhurried
@given(given_settings, facts_of_runs, st.dictionaries(st.sampled_from(STAGES), counts))
def test_a_run_has_at_most_a_thousand_tasks(wanted, facts, work):
    """
    The batches of all stages together, each stage at its most, with the single steps; also with batches of one item.
    """
    flow = adapted(wanted, facts).settings.flow

    worst = sum(flow.most_batches_of(stage) for stage in ("discover", *STAGES))
    cut = [
        -(-count // max(flow.batch_size_of(stage), -(-count // flow.most_batches_of(stage))))
        for stage, count in work.items()
        if count
    ]
    assert MOST_TASK_RUNS >= worst + SINGLE_STEPS
    assert worst >= sum(cut)


@unhurried
@given(given_settings, facts_of_runs, st.integers(0, 2**38))
def test_a_memory_limit_is_kept(wanted, facts, more_bytes):
    """
    The sum of all parts stays within any limit that can be kept, and none is refused that is larger than the smallest.
    """
    limit_bytes = smallest_limit_bytes(wanted, facts) + more_bytes
    wanted["flow"]["memory_limit_bytes"] = limit_bytes

    settings = adapt(Settings.model_validate(wanted), facts).settings

    disk_count = len(facts.machine.disks)
    assert limit_bytes >= taken_bytes(shape_of(settings), settings, facts.items, disk_count=disk_count)


@unhurried
@given(given_settings, facts_of_runs)
def test_the_smallest_limit_that_is_named_is_the_smallest(wanted, facts):
    """
    A MiB less is refused.
    """
    wanted["flow"]["memory_limit_bytes"] = smallest_limit_bytes(wanted, facts) - MIB

    with pytest.raises(SettingsRefused):
        adapt(Settings.model_validate(wanted), facts)


@unhurried
@given(given_settings, facts_of_runs, st.integers(1, 512))
def test_more_cores_never_mean_fewer_workers(wanted, facts, more):
    """
    All else equal, and whatever the limits.
    """
    machine = facts.machine
    few = adapted(wanted, facts)
    many = adapted(wanted, replace(facts, machine=replace(machine, cores=machine.cores + more)))

    assert few.settings.probe.workers <= many.settings.probe.workers


@unhurried
@given(given_settings, facts_of_runs, st.dictionaries(st.sampled_from(("discover", *STAGES)), counts))
def test_batches_do_not_depend_on_what_is_counted_yet(wanted, facts, items):
    """
    Asked before the library is known and again when it is, the sizes are the same: a plan cuts by either.
    """
    early, late = adapted(wanted, replace(facts, items={})), adapted(wanted, replace(facts, items=items))

    assert early.settings.flow.batch_sizes == late.settings.flow.batch_sizes


@unhurried
@given(given_settings, facts_of_runs)
def test_what_was_chosen_is_what_is_set_then(wanted, facts):
    """
    Asked once more, with its own answer as settings and on another day, nothing changes.
    """
    first = adapted(wanted, facts)

    again = adapt(first.settings, replace(facts, item_s={}, call_s=None))

    assert first.settings == again.settings


@unhurried
@given(given_settings, facts_of_runs)
def test_what_was_chosen_is_kept_with_the_run(wanted, facts):
    """
    It comes back from a file as it was, also what was set and what was chosen.
    """
    chosen = adapted(wanted, facts)

    assert chosen == pickle.loads(pickle.dumps(chosen))


@unhurried
@given(given_settings, facts_of_runs)
def test_reasons_name_what_was_chosen(wanted, facts):
    """
    One sentence a choice, with the number that is used.
    """
    chosen = adapted(wanted, facts)
    settings = chosen.settings
    said = {reason.partition(":")[0]: reason for reason in chosen.reasons}

    def many(count: int, one: str) -> str:
        return f"{count:,} {one}" if count == 1 else f"{count:,} {one}{'es' if one.endswith('ch') else 's'}"

    assert len(said) == len(chosen.reasons)
    assert f"probe: {many(settings.probe.workers, 'worker')} (" in said["probe"]
    assert f"disk: {many(settings.flow.disk_threads, 'batch')} at once (" in said["disk"]
    assert f"network: {many(settings.flow.network_threads, 'batch')} at once (" in said["network"]
    assert f"requests: {settings.scrape.connections} in flight (" in said["requests"]
    assert f"downloads: {settings.artwork.connections} in flight (" in said["downloads"]
    for stage in STAGES:
        assert f"{stage} batches: {many(settings.flow.batch_size_of(stage), 'item')} each (" in said[f"{stage} batches"]


@pytest.mark.parametrize(
    ("machine", "count", "workers", "why"),
    [
        (a_machine(2), 10_000, 2, "2 cores, local disk"),
        (a_machine(8), 10_000, 8, "8 cores, local disk"),
        (a_machine(8), 15, 1, "15 files, too few for the start of one more; 8 cores, local disk"),
        (a_machine(8, Disk("local", True)), 10_000, 2, "8 cores, 1 turning disk"),
        (a_machine(8, Disk("local", True), Disk("local", True)), 10_000, 4, "8 cores, 2 turning disks"),
        (a_machine(8, Disk("local", True), Disk("local", False)), 10_000, 8, "8 cores, local disk"),
        (a_machine(2, Disk("remote")), 10_000, 8, "2 cores, network share, where a worker mostly waits"),
        (a_machine(64, available_bytes=4 * GIB), 10_000, 12, "4.0 GiB of free memory; 64 cores, local disk"),
        (a_machine(1), 10_000, 1, "1 core, local disk"),
    ],
)
def test_workers_by_cores_disks_and_files(machine, count, workers, why):
    """
    A worker a core; two a turning disk; eight on a share; fewer for few files, or where each could not have 300 MiB.
    """
    chosen = adapt(Settings(), Facts(machine, a_library(count)))

    assert workers == chosen.settings.probe.workers
    assert f"probe: {workers} worker{'' if workers == 1 else 's'} ({why})" == chosen.reasons[0]


def test_an_unchanged_library_needs_no_second_worker():
    """
    A million files of which none is to be measured.
    """
    chosen = adapt(Settings(), Facts(a_machine(16), {"discover": 1_000_000, "probe": 0, "fingerprint": 0}))

    assert 1 == chosen.settings.probe.workers


@pytest.mark.parametrize(
    ("given_workers", "machine", "workers"),
    [
        ({"workers": 3}, a_machine(8), 3),
        ({"workers": 3}, a_machine(8, Disk("remote")), 3),
        ({"remote_workers": 3}, a_machine(8, Disk("remote")), 3),
        ({"workers": 3, "remote_workers": 6}, a_machine(8, Disk("remote")), 6),
        ({"workers": 3, "remote_workers": 6}, a_machine(8), 3),
        ({"remote_workers": 3}, a_machine(8), 8),
    ],
)
def test_workers_that_are_set(given_workers, machine, workers):
    """
    The number for shares counts where there is one; where both are set, the larger.
    """
    chosen = adapt(Settings(probe=ProbeSettings(**given_workers)), Facts(machine, a_library(10_000)))

    assert workers == chosen.settings.probe.workers


def test_a_value_that_equals_the_default_is_set_all_the_same():
    """
    Eight workers on eight cores for three files: somebody wants it so.
    """
    settings = Settings(probe=ProbeSettings(workers=8))

    assert 8 == adapt(settings, Facts(a_machine(8), a_library(3))).settings.probe.workers


@pytest.mark.parametrize(("item_s", "size"), [(0.03, 500), (0.3, 50), (600.0, 1), (0.0001, 1_000)])
def test_a_batch_takes_half_a_minute(item_s, size):
    """
    Two batches share the disk: at 0.03 s a file 500 of one and 500 of the other take 30 s. At most 1,000 are together.
    """
    chosen = adapt(Settings(), Facts(a_machine(), item_s={"probe": item_s}))

    assert size == chosen.settings.flow.batch_size_of("probe")


def test_answers_from_our_own_store_promise_nothing():
    """
    The last run took 1 ms a title, all of them known; the service gives 40 a second, four batches share them.
    """
    chosen = adapt(Settings(), Facts(a_machine(), item_s={"scrape": 0.001}))

    assert 30 * 40 / 4 == chosen.settings.flow.batch_size_of("scrape")


def test_few_tasks_go_before_short_batches_and_the_reason_says_so():
    """
    600,000 titles in 150 batches are 4,000 each; at 40 a second, shared by four, one takes 400 s.
    """
    chosen = adapt(Settings(), Facts(a_machine(), a_library(1_000_000, "probe") | {"match": 600_000}))

    (reason,) = [reason for reason in chosen.reasons if reason.startswith("match batches:")]
    assert "600,000 items need 4,000 each, so that there are no more than 150" in reason
    assert "a batch may take 6 min 40 s, but a signal stops it at once" in reason


@pytest.mark.parametrize(("call_s", "connections"), [(None, 8), (0.07, 8), (0.2, 12), (0.31, 19), (5.0, 20)])
def test_requests_in_flight_follow_the_time_of_an_answer(call_s, connections):
    """
    40 requests a second of 0.2 s each are 8 under way on average, and half as many more for the slow ones: 12.
    """
    chosen = adapt(Settings(), Facts(a_machine(), call_s=call_s))

    assert connections == chosen.settings.scrape.connections


def test_under_a_limit_workers_come_first():
    """
    8 cores in 4 GiB: 320 MiB, 20 MiB for 10,000 files, 2 batches, the load; seven workers have 512 MiB each or more.
    """
    limited = Settings(flow=FlowSettings(memory_limit_bytes=4 * GIB + 200 * MIB))

    chosen = adapt(limited, Facts(a_machine(8), a_library(10_000))).settings

    assert 7 == chosen.probe.workers
    assert 512 * MIB <= chosen.probe.worker_memory_bytes < 600 * MIB


def test_under_a_limit_batches_shrink():
    """
    No batch is larger than without it, and some are smaller.
    """
    free, limited = (
        adapt(Settings(flow=FlowSettings(memory_limit_bytes=limit)), Facts(a_machine())).settings.flow
        for limit in (None, 2 * GIB)
    )

    pairs = [(limited.batch_size_of(stage), free.batch_size_of(stage)) for stage in STAGES]
    assert all(small <= large for small, large in pairs)
    assert any(small < large for small, large in pairs)


def test_sizes_of_single_stages_can_be_set():
    """
    One stage by name; the others are chosen.
    """
    settings = Settings(flow=FlowSettings(batch_sizes=BatchSizes(match=7)))

    flow = adapt(settings, Facts(a_machine())).settings.flow

    assert (7, 300) == (flow.batch_size_of("match"), flow.batch_size_of("scrape"))
