"""The deployment that all runs of a library belong to, and those of ``prefect.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate

from tests.flows.house import a_copy, a_house, ask_prefect

PROJECT = Path(__file__).parents[2]
DEPLOYMENTS = yaml.safe_load((PROJECT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_a_deployment_of_an_older_version_is_told_todays_parameters(tmp_path, prefect, toy_library, forker):
    """
    The server refuses parameters that the deployment does not know; after an update of this program the next refresh
    goes well all the same, and the schedule that somebody has set stays.
    """
    library = tmp_path / "films"
    a_copy(toy_library / "Movies", library)
    house = a_house(tmp_path, prefect, None, forker)

    first = house.refresh(library, token=None)
    name = f"/deployments/name/refresh/{house.data.path.name}"
    deployment = ask_prefect(prefect, name)
    older = deployment["parameter_openapi_schema"]
    del older["definitions"]["Settings"]["properties"]["notify"]
    with httpx.Client(base_url=prefect.api_url, trust_env=False) as client:
        address = f"/deployments/{deployment['id']}"
        client.patch(address, json={"parameters": {}, "parameter_openapi_schema": older}).raise_for_status()
    cron = {"schedule": {"cron": "0 3 * * *", "timezone": "UTC"}, "active": True}
    ask_prefect(prefect, f"{address}/schedules", [cron])
    second = house.refresh(library, token=None)

    after = ask_prefect(prefect, name)
    assert (0, 0) == (first.status, second.status), second.stderr
    assert "notify" in after["parameter_openapi_schema"]["definitions"]["Settings"]["properties"]
    assert ["0 3 * * *"] == [schedule["schedule"]["cron"] for schedule in after["schedules"]]
    assert deployment["id"] == after["id"]


def flow_of(deployment: dict[str, Any]) -> Flow[Any, Any]:
    """The flow that a worker would load."""
    return load_flow_from_entrypoint(f"{PROJECT}/{deployment['entrypoint']}")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_what_stands_in_prefect_yaml_can_be_run(deployment):
    """
    Its flow can be loaded, and takes the parameters: as Prefect's server judges them, and as the flow itself does.
    """
    flow = flow_of(deployment)

    validate(deployment["parameters"], parameter_schema(flow).model_dump(mode="json"), raise_on_error=True)

    assert deployment["parameters"].keys() <= flow.validate_parameters(deployment["parameters"]).keys()


def test_prefect_yaml_holds_the_refresh_and_the_benchmark():
    """
    Under the names that docs/nightly.md gives them.
    """
    words = (PROJECT / "docs" / "nightly.md").read_text(encoding="utf-8")

    names = [f"{flow_of(deployment).name}/{deployment['name']}" for deployment in DEPLOYMENTS]

    assert ["refresh/library", "benchmark/lab"] == names
    assert all(f"`{name}`" in words for name in names)
