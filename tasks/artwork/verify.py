"""Is this a picture, whole and of a size that can be true? Pure: bytes in, facts out.

Pillow's ``verify()`` checks the checksums of a PNG and nothing at all in a JPEG, where only decoding finds a cut; a
decode at an eighth of the size finds it as well and costs about half (measured). Zeroes inside a JPEG nobody finds.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from tasks.core.errors import ImageInvalid, ImageTruncated

MAX_PIXELS = 89_478_485
"""Pillow's own limit: a quarter of a gigabyte as RGB. The largest poster at TMDB has 6 million."""

_FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_PNG_END = b"IEND\xaeB`\x82"
"""The last chunk of every PNG with its checksum (https://www.w3.org/TR/png-3/#11IEND)."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError, struct.error, zlib.error)
"""What Pillow's readers raise on damaged files, by the way of each format (its documentation names no list)."""

warnings.filterwarnings("error", category=Image.DecompressionBombWarning)  # for all threads: a bomb is an error


@dataclass(frozen=True)
class Picture:
    """What a checked picture is."""

    format: str
    """JPEG, PNG or WEBP."""
    extension: str
    width_px: int
    height_px: int


def verified(content: bytes, *, item: str) -> Picture:
    """Format and size of the picture in ``content``.

    Args:
        item: address of the picture, for errors.

    Raises:
        ImageTruncated: it ends early; another download may be whole.
        ImageInvalid: it is no picture, is damaged inside, or has more than ``MAX_PIXELS``.
    """
    format_ = _format(content)
    if format_ is None:
        if not content:
            raise ImageTruncated(item=item, reason="the picture is empty")
        raise ImageInvalid(item=item, reason=f"not a JPEG, PNG or WEBP picture: it begins with {content[:12]!r}")
    _check_end(content, format_, item)
    try:
        with Image.open(io.BytesIO(content), formats=[format_]) as image:
            width_px, height_px = image.size
            if width_px * height_px > MAX_PIXELS:
                raise ImageInvalid(item=item, reason=f"{width_px} x {height_px} pixels are too many")
            if format_ == "PNG":
                image.verify()
            else:
                image.draft(None, (max(1, width_px // 8), max(1, height_px // 8)))
                image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise ImageInvalid(item=item, reason=f"too many pixels: {exc}") from exc
    except UnidentifiedImageError as exc:
        raise ImageInvalid(item=item, reason=f"Pillow cannot read it as {format_}") from exc
    except _BROKEN as exc:
        if format_ == "JPEG" and "truncated" in str(exc):
            raise ImageTruncated(item=item, reason=f"the picture ends early: {exc}") from exc
        raise ImageInvalid(item=item, reason=f"the picture is damaged: {exc}") from exc
    return Picture(format_, _FORMATS[format_], width_px, height_px)


def _format(content: bytes) -> str | None:
    """The format by its first bytes: what a server or a name claims does not matter."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return None


def _check_end(content: bytes, format_: str, item: str) -> None:
    """PNG and WEBP say where they end, which tells a cut from damage inside; a JPEG has to be decoded for that."""
    cut = False
    if format_ == "PNG":
        cut = _PNG_END not in content
    elif format_ == "WEBP":
        cut = len(content) < int.from_bytes(content[4:8], "little") + 8
    if cut:
        raise ImageTruncated(item=item, reason="the picture ends early")
