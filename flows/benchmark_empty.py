"""A flow that does nothing: what a run costs that has nothing to do."""

from __future__ import annotations

from prefect import flow


@flow(name="nothing", flow_run_name="nothing, before a measurement")
def nothing() -> None:
    """Do nothing."""
