"""Take values out of a service's JSON, where every field may be missing, null, blank or of another type.

Of 343 recorded answers of TMDB 289 fit its own OpenAPI document strictly, and 342 once every field may be null and
integers may be numbers. A field that cannot be read is unknown (``None``), never a reason to lose the whole answer.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any


def text(value: Any) -> str | None:
    """A text without surrounding space; ``None`` where it is blank or no text.

    >>> text(" Ended "), text(""), text(None), text(7)
    ('Ended', None, None, None)
    """
    return (value.strip() or None) if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """A whole number, also where it is written ``12.0``; ``None`` where it is none or needs more than 63 bits.

    >>> whole(12), whole(12.0), whole(12.5), whole(True), whole("12"), whole(2**63)
    (12, 12, None, None, None, None)
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(2**63) <= value < 2**63 else None


def positive(value: Any) -> int | None:
    """A whole number above 0; TMDB writes 0 where it does not know a running time, a budget or votes.

    >>> positive(120), positive(0), positive(-1)
    (120, None, None)
    """
    found = whole(value)
    return found if found is not None and found > 0 else None


def count(value: Any) -> int | None:
    """A whole number from 0 on.

    >>> count(0), count(-1)
    (0, None)
    """
    found = whole(value)
    return found if found is not None and found >= 0 else None


def number(value: Any) -> float | None:
    """A finite number.

    >>> number(7), number("7")
    (7.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def vote(average: Any, votes: Any) -> float | None:
    """A mean vote from 0 to 10; ``None`` without votes, where TMDB writes 0.

    >>> vote(7.5, 12), vote(0.0, 0), vote(7.5, None), vote(11, 3)
    (7.5, None, None, None)
    """
    value = number(average)
    return value if value is not None and positive(votes) and 0 <= value <= 10 else None


def day(value: Any) -> date | None:
    """A day from ``1999-10-15`` or a time that begins so.

    >>> day("1999-10-15T00:00:00.000Z"), day(""), day("1999-02-30")
    (datetime.date(1999, 10, 15), None, None)
    """
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def mapping(value: Any) -> dict[str, Any]:
    """An object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing where it is none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The texts in a list; nothing where it is none."""
    return [found for entry in value if (found := text(entry))] if isinstance(value, list) else []
