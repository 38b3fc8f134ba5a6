"""Is it a picture, and whole? Damage as disks and networks make it."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from PIL import Image

from tasks.artwork.verify import verified
from tasks.core.errors import ImageInvalid, ImageTruncated


def a_picture(format_, size=(320, 480), mode="RGB"):
    noise = random.Random(1).randbytes(size[0] * size[1] * len(mode))
    out = io.BytesIO()
    Image.frombytes(mode, size, noise).save(out, format_)
    return out.getvalue()


def a_plain_jpeg(size):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "JPEG")
    return out.getvalue()


def a_png_bomb(width, height):
    """A PNG whose header claims a size; there is no need to hold its pixels."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("format_", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
@pytest.mark.parametrize("size", [(320, 480), (1, 1), (3, 700)], ids=str)
def test_whole_pictures_pass(format_, extension, size):
    """
    Format, extension and size are those of the picture, also of tiny ones.
    """
    picture = verified(a_picture(format_, size), item="x")

    assert (format_, extension, *size) == (picture.format, picture.extension, picture.width_px, picture.height_px)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_pass(mode):
    """
    Grey pictures and those for print are pictures.
    """
    assert "JPEG" == verified(a_picture("JPEG", mode=mode), item="x").format


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("cut", [2, 100, 0.5, 0.9], ids=str)
def test_pictures_that_end_early_are_found(format_, cut):
    """
    Cut by 2 bytes, by 100, to a half, to a tenth: each is told as truncated, so that it is downloaded again.
    """
    content = a_picture(format_)
    kept = len(content) - (cut if isinstance(cut, int) else int(len(content) * cut))

    with pytest.raises(ImageTruncated):
        verified(content[:kept], item="x")


def test_a_large_jpeg_is_not_unpacked_in_full():
    """
    Of 3,200 x 3,200 pixels, which are 39 MiB unpacked, as much is decoded as tells whether it is whole: an eighth each
    way, which fits in one of Pillow's blocks of 16 MiB. The size that is told is the true one.
    """
    content = a_plain_jpeg((3_200, 3_200))
    Image.core.reset_stats()

    picture = verified(content, item="x")

    assert (3_200, 3_200) == (picture.width_px, picture.height_px)
    stats = Image.core.get_stats()
    assert 1 == stats["allocated_blocks"] + stats["reused_blocks"]


def test_a_flipped_bit_in_a_png_is_found():
    """
    The checksums of a PNG are checked.
    """
    content = bytearray(a_picture("PNG"))
    content[len(content) // 2] ^= 1

    with pytest.raises(ImageInvalid, match="damaged"):
        verified(bytes(content), item="x")


@pytest.mark.parametrize(
    "content",
    [
        b"<html><body>Not Found</body></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"GIF89a" + b"\0" * 100,
        b"\0" * 1000,
        b"\xff\xd8\xff" + b"garbage" * 100,
        b"\x89PNG\r\n\x1a\n" + b"garbage" * 100 + b"IEND\xaeB`\x82",
        b"RIFF\x04\0\0\0WEBP",
    ],
    ids=["html", "svg", "gif", "zeroes", "false jpeg", "false png", "false webp"],
)
def test_what_is_no_picture_is_refused(content):
    """
    Pages, drawings, other formats and garbage with the first bytes of a picture are refused for good.
    """
    with pytest.raises(ImageInvalid):
        verified(content, item="x")


def test_nothing_is_a_download_that_ended_early():
    """
    An empty body may be whole the next time.
    """
    with pytest.raises(ImageTruncated):
        verified(b"", item="x")


@pytest.mark.parametrize("size", [(9_500, 9_500), (60_000, 60_000)], ids=str)
def test_a_bomb_is_refused_before_it_is_unpacked(size):
    """
    A header that claims more pixels than any poster has is refused, whatever the file's own size.
    """
    with pytest.raises(ImageInvalid, match="pixels"):
        verified(a_png_bomb(*size), item="x")
