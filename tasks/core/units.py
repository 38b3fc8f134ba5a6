"""Numbers made readable for people. Stored values keep their unit in the column name instead."""

from __future__ import annotations

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def human_size(size_bytes: float) -> str:
    """Bytes in the largest binary unit that leaves a number of at least one.

    >>> human_size(0), human_size(1536), human_size(5 * 1024**3)
    ('0 B', '1.5 KiB', '5.0 GiB')
    """
    value = float(size_bytes)
    for unit in _BINARY:
        if abs(round(value, 1)) < 1024 or unit == _BINARY[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def human_duration(duration_s: float) -> str:
    """Seconds as a person says them: fractions below a minute, then minutes and hours.

    >>> human_duration(0.0421), human_duration(12.34), human_duration(75), human_duration(3 * 3600 + 120)
    ('42 ms', '12.3 s', '1 min 15 s', '3 h 2 min')
    >>> human_duration(0), human_duration(0.000035), human_duration(0.0035), human_duration(59.97)
    ('0 ms', '35 µs', '3.5 ms', '1 min 0 s')
    """
    if 0 < duration_s < 0.0009995:
        return f"{duration_s * 1e6:.0f} µs"
    if 0 < duration_s < 0.00995:
        return f"{duration_s * 1000:.1f} ms"
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < 59.95:
        return f"{duration_s:.1f} s"
    minutes, seconds = divmod(round(duration_s), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def printable(text: str) -> str:
    r"""A name on one line of a terminal: control characters and lone surrogates are written as escapes.

    File names may hold newlines, escape sequences and bytes that are no UTF-8; a terminal must not obey them.

    >>> printable("two\nlines \x1b[31m"), printable("caf\udce9.mkv")
    ('two\\nlines \\x1b[31m', 'caf\\udce9.mkv')
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
