"""Which stream is the film, and whether its first picture has to be decoded: the same rule for all engines. Pure.

A decoded picture costs more than everything else together, so it is asked for only where it can tell something: of
possible HDR videos, whose HDR10 and HDR10+ facts often stand in the frames only, and of files without their end.
"""

from __future__ import annotations

from tasks.probe.facts import Facts, Stream

_HDR_CODECS = frozenset({"hevc", "av1", "vp9"})
_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})


def main_video(streams: list[Stream]) -> Stream | None:
    """The stream a player shows: the default one, else the first that is no cover picture."""
    films = [s for s in streams if s["codec_type"] == "video" and "attached_pic" not in s["disposition"]]
    return next((s for s in films if "default" in s["disposition"]), films[0] if films else None)


def is_cut(facts: Facts) -> bool:
    """Whether the file is shorter than its container announces."""
    return (facts.get("announced_size_bytes") or 0) > facts["size_bytes"]


def may_be_hdr(stream: Stream) -> bool:
    """Whether the first picture may say more about HDR than the stream does."""
    pixels = stream.get("pix_fmt") or ""
    return stream.get("codec_name") in _HDR_CODECS and (
        stream.get("color_transfer") in _HDR_TRANSFERS
        or stream.get("color_primaries") == "bt2020"
        or "10" in pixels
        or "12" in pixels
    )
