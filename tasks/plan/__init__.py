"""The plan room: what is new, changed, vanished or unchanged, and which batches of work follow from it.

In: what discovery listed, what the warehouse knew when the run began (``snapshot``), what earlier steps of the run left
in staging. Out: rows of ``files``, identities that only a look at the whole library could settle, and batches for the
steps that work.
"""
