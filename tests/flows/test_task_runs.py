"""A run of the largest size: the server takes down how every one of its tasks ended."""

from __future__ import annotations

import json

from tests.flows.house import a_house, ask_prefect

MOST_TASK_RUNS = 1_000
"""What a refresh keeps to, whatever the size of the library (DESIGN: the server loses states in larger bursts)."""

PROGRAM = """
import json, sys
from pathlib import Path
from prefect import flow, unmapped
from prefect.task_runners import ThreadPoolTaskRunner
from flows.run import hand_over
from tasks.core.clock import utc_now
from tasks.core.settings import DiscoverySettings
from tasks.discovery.listing import entries_of
from tasks.discovery.roots import check_roots
from tasks.discovery.task import discover
from tasks.staging import cut

library, staging, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
settings = DiscoverySettings()

@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def many():
    entries = entries_of(check_roots([str(library)], settings).scopes, settings)
    batches = cut(entries, stage="discover", staging=staging, id_column="entry_id", batch_size=1, max_batches=count)
    for future in discover.map(batches, unmapped(settings)):
        future.wait()
    return len(batches)

since = utc_now()
state = many(return_state=True)
run_id = str(state.state_details.flow_run_id)
hand_over(run_id, since=since, task_run_count=count)
print(json.dumps({"run_id": run_id, "batches": state.result()}))
"""


def test_every_task_run_of_the_largest_run_is_recorded_as_final(tmp_path, prefect):
    """
    1,000 runs of a real step, as fast as they go: the server shows 1,000 completed ones, and none in another state.
    """
    library = tmp_path / "library"
    for number in range(MOST_TASK_RUNS - 1):  # the folder itself is an entry too
        (library / f"film {number}").mkdir(parents=True)
    house = a_house(tmp_path, prefect, None)

    done = house.run(str(library), str(tmp_path / "staging"), str(MOST_TASK_RUNS), program=("-c", PROGRAM))

    found = json.loads(done.lines[-1]) if done.lines else done.stderr
    assert MOST_TASK_RUNS == found["batches"], done.stderr
    question = {"flow_runs": {"id": {"any_": [found["run_id"]]}}}
    finals = question | {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    assert [MOST_TASK_RUNS] * 2 == [ask_prefect(prefect, "/task_runs/count", asked) for asked in (question, finals)]
