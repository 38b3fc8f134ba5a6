"""When two spellings are the same title."""

from __future__ import annotations

import functools
import re
import unicodedata

_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


@functools.lru_cache(maxsize=65_536)
def normal_title(text: str) -> str:
    """The letters and digits of ``text``, without case, accents, spaces and punctuation; ``&`` counts as ``and``.

    Works for every script. A title of signs only keeps its signs, so that only a blank title gives an empty key.

    >>> normal_title("Amélie & Co."), normal_title("AMELIE AND CO")
    ('amelieandco', 'amelieandco')
    >>> normal_title("呪術廻戦"), normal_title("Ёлки 2"), normal_title("!!!")
    ('呪術廻戦', 'елки2', '!!!')
    """
    plain = text.replace("&", " and ")
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return _NOT_ALPHANUMERIC.sub("", plain.casefold()) or "".join(text.casefold().split())
