"""Measure video files: container, streams, chapters, attachments.

In: files to measure. Out: ``probes`` and the tables that are part of it. An *engine* (``pyav_engine``, in worker
processes that ``pool`` keeps) reads a file and gives raw facts (``facts``); ``normalise`` makes rows of the facts of
any engine.
"""
