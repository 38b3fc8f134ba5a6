"""Measure video files: container, streams, chapters, attachments; and read what tells one file from another.

In: files to measure. Out: ``probes`` and the tables that are part of it. An *engine* (``pyav_engine``,
``ffprobe_engine``, in worker processes that ``pool`` keeps) reads a file and gives raw facts (``facts``); ``normalise``
makes rows of the facts of any engine.

In: files that may be known ones in a new place, or whose owner wants to be certain. Out: ``fingerprints``,
``content_hashes``; the engine is ``hashing``.
"""
