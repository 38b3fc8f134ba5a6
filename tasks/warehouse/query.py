"""Answer SQL that a person writes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl

from tasks.core.errors import QueryRefused
from tasks.warehouse.connect import opened_read_only


def query(warehouse: Path, sql: str) -> pl.DataFrame:
    """The result of the last statement in ``sql``.

    The warehouse cannot be changed from here. Other files can be read and written (``read_parquet``, ``COPY ... TO``)
    with the rights of whoever runs it: it is their SQL, and taking results elsewhere is half of its use.

    Raises:
        QueryRefused: the SQL cannot be run; the message is DuckDB's, with the place of the mistake.
        WarehouseMissing, WarehouseDamaged, WarehouseTooNew, WarehouseBusy: the warehouse cannot be opened.
    """
    with opened_read_only(warehouse) as connection:
        try:
            answer = connection.sql(sql)
            if answer is None:
                raise QueryRefused("there is no query to run")
            frame: pl.DataFrame = answer.pl()
        except duckdb.InvalidInputException as exc:
            if "read-only mode" in str(exc):
                raise QueryRefused(f"the warehouse is read-only here; only a refresh writes it. DuckDB: {exc}") from exc
            raise QueryRefused(str(exc)) from exc
        except duckdb.Error as exc:  # also a file that cannot be attached, an extension that is not there, no memory
            raise QueryRefused(str(exc)) from exc
        except pl.exceptions.ComputeError as exc:
            raise QueryRefused(f"a column has a type that cannot be shown; CAST it to VARCHAR ({exc})") from exc
    return frame
