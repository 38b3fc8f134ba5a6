"""Fetch what the metadata service knows about matched titles and their collections, and turn it into rows.

In: ids of titles and collections. Out: rows of ``titles`` and all tables that belong to them, of ``collections``, and
of ``artwork_candidates``. One call a movie, one a show with seasons up to 11, one a collection.
"""
