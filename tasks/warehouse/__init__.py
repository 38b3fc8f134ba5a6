"""The warehouse: one DuckDB file that people query while refreshes replace it.

In: the Parquet files of ``collect`` and the records of runs. Out: ``warehouse.duckdb`` with every table and view of
``tasks.schema``. It is never changed in place: a copy is migrated and loaded in one transaction (``insert`` has another
way, for comparisons) and renamed over it, so a reader keeps what it has opened, and whatever goes wrong leaves the old
file whole.
"""
