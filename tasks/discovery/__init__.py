"""Find the video files below the roots.

In: roots as a person gave them. Out: ``listings`` (one row a video file), ``skips`` (what was passed over, by reason)
and ``listing_errors`` (folders that could not be listed: what lies below them is unknown, not gone).
"""
