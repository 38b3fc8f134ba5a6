"""The deployment that all runs of a library belong to."""

from __future__ import annotations

import httpx

from tests.flows.house import a_copy, a_house, ask_prefect


def test_a_deployment_of_an_older_version_is_told_todays_parameters(tmp_path, prefect, toy_library):
    """
    The server refuses parameters that the deployment does not know; after an update of this program the next refresh
    goes well all the same, and the schedule that somebody has set stays.
    """
    library = tmp_path / "films"
    a_copy(toy_library / "Movies", library)
    house = a_house(tmp_path, prefect, None)

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
