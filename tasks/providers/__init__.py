"""What the metadata services are asked and what their answers mean.

In: a kind with a title and year, or an id. Out: candidates for a match, and rows of ``tasks.schema.titles``. A base
layer like ``http``: both ``match`` and ``scrape`` stand on it.
"""
