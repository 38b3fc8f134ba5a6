"""Staged rows become frames that the warehouse can take.

In: what the steps of a run left in staging (``tasks.staging``). Out: one Parquet file a table in
``<staging>/collected``, every row checked by its table's class and every key there once; rows and items that were
refused, with the reason, as rows of ``quarantine``; items that failed as rows of ``failures``.
"""
