"""Find the video files below the roots.

In: roots as a person gave them. Out: ``listings`` (one row a video file), ``skips`` (what was passed over, by reason),
``listing_errors`` (folders that could not be listed: what lies below them is unknown, not gone) and ``root_listings``
(what each root looks like: by it a disk that is away is told from deleted files).
"""
