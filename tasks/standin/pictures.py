"""Draw posters, backdrops, logos, stills and portraits: landscapes that do not exist, as JPEG, PNG and SVG.

The titles written by hand get pictures of their own, with their names on them. All others share a dozen scenes a kind,
because drawing 30,000 pictures would cost more than everything that is measured with them; each still differs from
all others in its bytes, by a comment that names its path.
"""

from __future__ import annotations

import io
import math
import random
import struct
import unicodedata
import zlib
from functools import lru_cache
from html import escape

from PIL import Image, ImageDraw, ImageFont

from tasks.core.ids import digest
from tasks.standin.picture_lists import Picture

SHARED_SCENES = 12
JPEG_QUALITY = 82
CONTENT_TYPES = {"jpg": "image/jpeg", "png": "image/png", "svg": "image/svg+xml"}
Colour = tuple[int, int, int]
_PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((23, 30, 66), (214, 93, 66), (250, 205, 120), (20, 18, 34)),
    ((16, 52, 70), (64, 145, 147), (244, 240, 202), (9, 28, 38)),
    ((58, 24, 72), (196, 77, 121), (255, 190, 152), (26, 12, 36)),
    ((18, 38, 32), (96, 132, 84), (236, 222, 164), (12, 22, 18)),
    ((30, 32, 48), (92, 104, 140), (226, 230, 240), (14, 16, 26)),
    ((70, 30, 20), (222, 142, 60), (255, 236, 170), (34, 14, 12)),
    ((12, 26, 60), (44, 104, 178), (188, 226, 250), (8, 14, 34)),
)
"""Top of the sky, bottom of the sky, light, ground."""


def draw(picture: Picture, size: str, *, as_png: bool = False) -> bytes:
    """The picture as a file, scaled down to ``size`` (``w342``, ``h632``, ``original``); it is never scaled up.

    Args:
        as_png: give an SVG logo as PNG.
    """
    if picture.format == "svg" and not as_png:
        return _svg(picture)
    if picture.drawn or picture.kind in ("logo", "profile"):
        return _drawn(picture, size)
    number = int(digest(picture.path)[:8], 16) % SHARED_SCENES
    return _with_comment(_shared(picture.kind, number, picture.width_px, picture.height_px, size), picture.path)


def scaled(width: int, height: int, size: str) -> tuple[int, int]:
    """Width and height at a size of TMDB's.

    >>> scaled(1000, 1500, "w342"), scaled(300, 450, "h632"), scaled(800, 310, "original")
    ((342, 513), (300, 450), (800, 310))
    """
    if size == "original":
        return width, height
    limit = int(size[1:])
    ratio = min(1.0, limit / (width if size[0] == "w" else height))
    return round(width * ratio), round(height * ratio)


@lru_cache(maxsize=256)
def _drawn(picture: Picture, size: str) -> bytes:
    key = picture.path.split("-")[0]
    if picture.kind == "logo":
        image = _lettering(picture, key)
    elif picture.kind == "profile":
        image = _portrait(picture)
    else:
        image = landscape(picture.width_px, picture.height_px, palette_key=key, scene_key=picture.path)
        if picture.caption:
            _write_caption(image, picture.caption)
    return _encoded(image.resize(scaled(*image.size, size), Image.Resampling.LANCZOS), png=picture.kind == "logo")


@lru_cache(maxsize=256)
def _shared(kind: str, number: int, width: int, height: int, size: str) -> bytes:
    key = f"{kind}{number}"
    return _encoded(landscape(*scaled(width, height, size), palette_key=key, scene_key=key), png=False)


def landscape(width: int, height: int, *, palette_key: str, scene_key: str) -> Image.Image:
    """An invented landscape: sky, light, ranges of hills, and something that stands in it.

    Args:
        palette_key: landscapes with the same key have the same colours.
        scene_key: landscapes with the same key have the same shapes.
    """
    top, bottom, light, ground = _PALETTES[int(digest("palette", palette_key)[:8], 16) % len(_PALETTES)]
    chance = random.Random(int(digest("scene", scene_key), 16))
    sky = Image.new("RGB", (1, 5))
    for row in range(5):
        sky.putpixel((0, row), _between(top, bottom, row / 4))
    image = sky.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    short = min(width, height)
    _stars(pen, chance, width, height, light)
    x, y, r = width * chance.uniform(0.2, 0.8), height * chance.uniform(0.18, 0.42), short * chance.uniform(0.07, 0.15)
    for step in range(6, 0, -1):
        halo = r * (1 + step * 0.28)
        glow = _between(light, _between(top, bottom, y / height), 0.55 + step * 0.07)
        pen.ellipse((x - halo, y - halo, x + halo, y + halo), fill=glow)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=light)
    ranges = 4
    for n in range(ranges):
        line = height * (0.50 + 0.11 * n)
        colour = _between(bottom, ground, (n + 1) / ranges)
        points = _ridge(chance, width, line, height * (0.10 - 0.015 * n))
        pen.polygon([(0, height), *points, (width, height)], fill=colour)
        if n == 1:
            _landmark(pen, chance, points, short, _between(bottom, ground, 0.75), light)
    return image


def _stars(pen: ImageDraw.ImageDraw, chance: random.Random, width: int, height: int, light: Colour) -> None:
    size = max(1, min(width, height) // 400)
    for _ in range(60):
        x, y = chance.uniform(0, width), chance.uniform(0, height * 0.35)
        pen.ellipse((x, y, x + size, y + size), fill=light)


def _ridge(chance: random.Random, width: int, line: float, swing: float) -> list[tuple[float, float]]:
    waves = [(chance.uniform(0.5, 1.2), chance.uniform(1, 3) * (n + 1), chance.uniform(0, math.tau)) for n in range(3)]
    points = []
    for step in range(81):
        at = step / 80
        rise = sum(a / (n + 1) * math.sin(f * math.tau * at / 2 + p) for n, (a, f, p) in enumerate(waves))
        points.append((width * at, line - swing * rise / 1.5))
    return points


_LANDMARKS: tuple[tuple[tuple[str, bool, tuple[float, ...]], ...], ...] = (
    # A lighthouse, an observatory, a wood, a ferry: shape, whether it is lit, and its corners in units of the picture.
    (
        ("polygon", False, (-1, 1, -0.6, -6, 0.6, -6, 1, 1)),
        ("rectangle", True, (-0.7, -7, 0.7, -6)),
        ("polygon", False, (-1, -7, 0, -8, 1, -7)),
    ),
    (
        ("rectangle", False, (-2.4, -2, 2.4, 1)),
        ("ellipse", False, (-2.4, -4.4, 2.4, 0.4)),
        ("polygon", True, (0.3, -2.6, 1.4, -4.8, 1.9, -4.6, 0.8, -2.4)),
    ),
    tuple(
        ("polygon", False, (n * 1.5 - 1, 1, n * 1.5, -2.5 - (n * n * 7 % 5) / 2, n * 1.5 + 1, 1)) for n in range(-3, 4)
    ),
    (
        ("polygon", False, (-4, -1, 4, -1, 3, 1, -3, 1)),
        ("rectangle", False, (-2, -2.6, 1.6, -1)),
        ("rectangle", False, (-0.4, -4.4, 0.6, -2.6)),
        *(("rectangle", True, (n * 0.8 - 1.6, -2.1, n * 0.8 - 1.2, -1.6)) for n in range(4)),
    ),
)


def _landmark(
    pen: ImageDraw.ImageDraw,
    chance: random.Random,
    ridge: list[tuple[float, float]],
    short: int,
    colour: Colour,
    light: Colour,
) -> None:
    x, y = ridge[chance.randrange(12, 68)]
    unit = short * 0.035
    for shape, is_lit, corners in chance.choice(_LANDMARKS):
        points = [(x + unit * across, y + unit * down) for across, down in zip(*[iter(corners)] * 2, strict=True)]
        getattr(pen, shape)(points, fill=light if is_lit else colour)


def _write_caption(image: Image.Image, caption: str) -> None:
    pen = ImageDraw.Draw(image)
    width, height = image.size
    lines = _wrapped(caption, 14 if height > width else 24)
    size = min(width // 9, height // 11)
    font = _font(size)
    top = height * 0.93 - len(lines) * size * 1.2
    for n, line in enumerate(lines):
        at = (width / 2, top + n * size * 1.2)
        pen.text((at[0] + size * 0.05, at[1] + size * 0.05), line, font=font, anchor="mt", fill=(0, 0, 0))
        pen.text(at, line, font=font, anchor="mt", fill=(250, 246, 235))


def _lettering(picture: Picture, key: str) -> Image.Image:
    """The title in large letters on nothing."""
    _, _, light, _ = _PALETTES[int(digest("palette", key)[:8], 16) % len(_PALETTES)]
    image = Image.new("RGBA", (picture.width_px, picture.height_px), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    lines = _wrapped(picture.caption, 16)
    size = min(picture.height_px // (len(lines) + 1), picture.width_px * 2 // max(map(len, lines)))
    font = _font(size)
    top = (picture.height_px - len(lines) * size * 1.15) / 2
    for n, line in enumerate(lines):
        pen.text(
            (picture.width_px / 2, top + n * size * 1.15), line, font=font, anchor="mt", fill=(*light, 255),
            stroke_width=max(1, size // 40), stroke_fill=(20, 20, 30, 255),
        )  # fmt: skip
    low = picture.height_px - 14
    pen.line((picture.width_px * 0.2, low, picture.width_px * 0.8, low), fill=(*light, 200), width=5)
    return image


def _portrait(picture: Picture) -> Image.Image:
    """A head and shoulders without a face."""
    image = Image.new("RGB", (1, 2))
    top, bottom, light, ground = _PALETTES[int(digest("palette", picture.path)[:8], 16) % len(_PALETTES)]
    image.putpixel((0, 0), top)
    image.putpixel((0, 1), bottom)
    image = image.resize((picture.width_px, picture.height_px), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    w, h = image.size
    pen.ellipse((w * 0.1, h * 0.62, w * 0.9, h * 1.3), fill=ground)
    pen.ellipse((w * 0.3, h * 0.22, w * 0.7, h * 0.64), fill=_between(light, bottom, 0.35))
    pen.text((w / 2, h * 0.93), picture.caption, font=_font(w // 14), anchor="mm", fill=(250, 246, 235))
    return image


def _svg(picture: Picture) -> bytes:
    lines = _wrapped(picture.caption, 18)
    size = picture.height_px // (len(lines) + 1)
    spans = "".join(
        f'<text x="50%" y="{round(size * (n + 1.1))}" font-size="{size}" font-family="sans-serif" '
        f'text-anchor="middle" fill="#f2e6c4">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{picture.width_px}" height="{picture.height_px}" '
        f'viewBox="0 0 {picture.width_px} {picture.height_px}">{spans}</svg>\n'
    ).encode()


def _wrapped(caption: str, width: int) -> list[str]:
    """The caption in lines; accents are left out, because the font inside Pillow has none."""
    caption = "".join(c for c in unicodedata.normalize("NFKD", caption) if not unicodedata.combining(c))
    lines: list[str] = []
    for paragraph in caption.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}".strip()
        lines.append(line)
    return lines


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=max(6, size))


def _encoded(image: Image.Image, *, png: bool) -> bytes:
    target = io.BytesIO()
    if png:
        image.save(target, "PNG")
    else:
        image.convert("RGB").save(target, "JPEG", quality=JPEG_QUALITY)
    return target.getvalue()


def _with_comment(body: bytes, comment: str) -> bytes:
    """A JPEG with a comment behind its first marker, or a PNG with one behind its header."""
    text = comment.encode()
    if body.startswith(b"\xff\xd8"):
        return body[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + body[2:]
    data = b"tEXt" + b"Comment\x00" + text
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return body[:33] + chunk + body[33:]


def _between(one: Colour, other: Colour, share: float) -> Colour:
    share = min(1.0, max(0.0, share))
    r, g, b = (round(a + (c - a) * share) for a, c in zip(one, other, strict=True))
    return r, g, b
