"""Where everything lies in the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolder:
    """The folder that holds all a refresh makes; nothing is written elsewhere.

    ::

        warehouse.duckdb       the database; replaced whole, never changed in place
        warehouse.lock         held by the refresh that is running; warehouse.lock.json says which one that is
        artwork/               pictures, named after their content
        responses.sqlite       raw answers of metadata services
        timings/run_id=.../    run timings, Parquet
        runs/<run_id>.json     one record a run
        pace/                  how fast services are asked, where several machines share the work
        staging/<run_id>/      what the steps of a run leave for each other
        prefect/               database, results and log of our own Prefect server
    """

    path: Path

    @property
    def warehouse(self) -> Path:
        """The DuckDB database."""
        return self.path / "warehouse.duckdb"

    @property
    def artwork(self) -> Path:
        """Folder of the pictures."""
        return self.path / "artwork"

    @property
    def responses(self) -> Path:
        """SQLite store of raw answers."""
        return self.path / "responses.sqlite"

    @property
    def timings(self) -> Path:
        """Folder of the timing dataset."""
        return self.path / "timings"

    @property
    def runs(self) -> Path:
        """Folder of the run records."""
        return self.path / "runs"

    @property
    def prefect(self) -> Path:
        """Home of our own Prefect server."""
        return self.path / "prefect"

    def staging(self, run_id: str) -> Path:
        """Staging folder of one run."""
        return self.path / "staging" / run_id
