"""Decide which title of a metadata service the names of files mean.

In: title keys with what the names say (kind, title, year, ids). Out: rows of ``matches`` and ``match_candidates``.
"""
