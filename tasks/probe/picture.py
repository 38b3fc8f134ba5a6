"""Class of a picture by its size, and bits of its colours by the name of its pixel format. Pure."""

from __future__ import annotations

import functools
import math
import re

_QUALITIES = (
    # class, longest long side, longest short side. The long side decides, so that a film in wide screen keeps the class
    # of its width (1920x800 is 1080p); the short side allows 4:3 pictures of the full width (1280x960, 1440x1080).
    ("480p", 864, 496),
    ("576p", 1_024, 576),
    ("720p", 1_280, 962),
    ("1080p", 2_048, 1_440),
    ("1440p", 2_560, 1_920),
    ("2160p", 4_096, 3_072),
    ("4320p", math.inf, math.inf),
)
_PACKED_DEPTHS = {
    # Formats named after the bits of a whole pixel, by the last digits of the name: rgb48, rgba64, xv30, rgb565, ...
    "44": 4, "55": 5, "65": 6, "20": 10, "30": 10, "36": 12, "48": 16, "64": 16, "96": 32, "28": 32,
}  # fmt: skip
_ODD_DEPTHS = {
    "monob": 1, "monow": 1, "rgb4": 2, "bgr4": 2, "rgb4_byte": 2, "bgr4_byte": 2, "rgb8": 3, "bgr8": 3,
    "v30xle": 10, "v30xbe": 10,
}  # fmt: skip
_EIGHT_BITS = re.compile(
    r"(?:yuv[aj]?|uyva?|uyyv|yuyv|yvyu|uyvy|vuy[ax]|vyu|ayuv|nv|gbra?p|gray|ya8|pal8|[0ax]?(?:rgb|bgr)|bayer_).*"
)


@functools.lru_cache(1_024)
def quality(width_px: int | None, height_px: int | None) -> str | None:
    """Class of a picture by its size, whichever way it stands; ``None`` where the size is not known.

    >>> [quality(*size) for size in ((1920, 800), (1280, 534), (720, 576), (3840, 1600), (1080, 1920), (720, 480))]
    ['1080p', '720p', '576p', '2160p', '1080p', '480p']
    """
    if not width_px or not height_px:
        return None
    long, short = max(width_px, height_px), min(width_px, height_px)
    return next(name for name, most_long, most_short in _QUALITIES if long <= most_long and short <= most_short)


@functools.lru_cache(1_024)
def bit_depth(pixel_format: str | None) -> int | None:
    """Bits of one colour component by FFmpeg's name of the pixel format; ``None`` where the name is not known.

    The largest where components differ. Names: libavutil/pixdesc.c.

    >>> bit_depth("yuv420p"), bit_depth("yuv420p10le"), bit_depth("p010le"), bit_depth("gbrp12le"), bit_depth("vaapi")
    (8, 10, 10, 12, None)
    """
    if pixel_format is None:
        return None
    if pixel_format in _ODD_DEPTHS:
        return _ODD_DEPTHS[pixel_format]
    wide = re.search(r"(\d{1,2})(?:msb)?[lb]e$", pixel_format)
    if wide:
        return _PACKED_DEPTHS.get(wide[1]) or int(wide[1])
    return 8 if _EIGHT_BITS.fullmatch(pixel_format) or pixel_format in ("abgr", "argb") else None
