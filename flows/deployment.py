"""The deployment of the flow: what the Prefect UI schedules, starts, shows as a form, and retries.

One per data folder. Every refresh belongs to it, also one from the command line, because Prefect retries only runs of a
deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import construct_schedule
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Pending
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.callables import parameter_schema
from tzlocal import get_localzone_name

from flows.refresh import refresh
from tasks.core.errors import SettingsRefused
from tasks.core.paths import as_parameter
from tasks.core.settings import Settings

BANNED = str.maketrans(dict.fromkeys("/%&><", "-"))
"""Characters that Prefect does not take in names."""


def library_name(settings: Settings) -> str:
    """Name of the library, and of its deployment: that of its data folder."""
    return settings.data_dir.absolute().name.translate(BANNED) or "library"


def deployment_of(roots: Iterable[str], settings: Settings, *, is_scheduled: bool) -> RunnerDeployment:
    """The deployment ``refresh/<library>``.

    Args:
        roots: folders, as a person gave them; none if they are to be given with each run.
        is_scheduled: whether it runs by itself at ``serve.cron``.

    Raises:
        SettingsRefused: the schedule cannot be used.
    """
    parameters = parameters_of(roots, settings)
    if not parameters["roots"]:
        del parameters["roots"]  # the form asks for them
    return RunnerDeployment.from_flow(
        refresh,
        name=library_name(settings),
        description="Refresh the library: find, measure, identify, match, scrape, fetch artwork, load.\n\n"
        "A run that is Failed holds items that may succeed later; Retry does exactly these again.",
        parameters=parameters,
        schedules=[_schedule(settings)] if is_scheduled else [],
        paused=False,  # it was, if it has been served before
        tags=[library_name(settings)],
        version=version("reelhouse"),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def parameters_of(
    roots: Iterable[str], settings: Settings, confirm_removal: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """The parameters of a run as JSON values."""
    parameters: dict[str, Any] = {
        "roots": [as_parameter(root) for root in roots],
        "settings": settings.model_dump(mode="json") | {"data_dir": str(settings.data_dir.absolute())},
    }
    if confirm_removal:
        parameters["confirm_removal"] = {as_parameter(root): count for root, count in confirm_removal.items()}
    return parameters


def schedule_zone(settings: Settings) -> str:
    """The time zone in which the schedule is meant."""
    return settings.serve.timezone or get_localzone_name()


def _schedule(settings: Settings) -> Any:
    zone = schedule_zone(settings)
    try:
        return construct_schedule(cron=settings.serve.cron, timezone=zone)
    except ValueError as exc:
        raise SettingsRefused(
            f"serve.cron {settings.serve.cron!r} with serve.timezone {zone!r} is no schedule ({exc}); "
            "five fields as '0 3 * * *' (three o'clock every night), and a zone as 'Europe/Berlin'"
        ) from exc


def begin_run(client: SyncPrefectClient, parameters: Mapping[str, Any], settings: Settings) -> FlowRun:
    """Register a run that this process is going to execute; no runner picks it up."""
    return client.create_flow_run_from_deployment(
        _deployment_id(client, settings), parameters=dict(parameters), state=Pending()
    )


def _deployment_id(client: SyncPrefectClient, settings: Settings) -> UUID:
    """The deployment on the server: made where there is none, its schedule left alone where there is one.

    One that another version of this program has made may know other parameters; it is told those of today.
    """
    schema = parameter_schema(refresh).model_dump(mode="json")
    name = f"{refresh.name}/{library_name(settings)}"
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        try:
            made = deployment_of((), settings, is_scheduled=False).apply()
        except PrefectHTTPStatusError:  # somebody else may have made it at this moment
            return client.read_deployment_by_name(name).id
        assert isinstance(made, UUID)  # a coroutine only where an event loop is running
        return made
    if found.parameter_openapi_schema != schema:
        update = DeploymentUpdate(parameter_openapi_schema=schema, version=version("reelhouse"))
        client.update_deployment(found.id, update)
    return found.id
