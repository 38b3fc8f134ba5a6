"""Titles as names spell them, made readable: dots and underscores become spaces, years come off the end."""

from __future__ import annotations

import functools
import re

_YEAR_LAST = re.compile(r"^(?P<title>.*[^\W_].*?)[ ._\-]*[ ._\-(\[](?P<year>(?:19\d|20[0-3])\d)[)\]]?[ ._-]*$")
_INITIALS = re.compile(r"(?<![^\W\d_])((?:[^\W\d_]\.){2,})(?=$|[^\W\d_]{2}|[._ ])")
_SITE = re.compile(
    r"^[\[{(【]?[ ]?(?:(?:www?[ .,][^\s\]})】]+[ .]\w{2,5}|www?[ .,][\w ]{3,25}?|[\w-]+\.(?:com|org|net|to|tv|me|cc"
    r"|info|ru|in|mx|ws|se|nu|phd|sbs)))"
    r"[ ]?[\]})】]?[ ]*(?:-+|–|_|(?<=[\]})】]))[ _]*",
    re.IGNORECASE,
)
_GERMAN = re.compile(
    r"(?<=[^\W_])[._](?:german|dubbed|subbed|dl|ml|ld|md|ac3d?|dts|custom)+(?:[._](?:dubbed|subbed|dl|ml|ld|md|ac3d?"
    r"|dts))*$",
    re.I,
)
_EDITION_LAST = re.compile(
    r"(?<=[^\W_][ ._])(?P<keep>[^ ._]+)(?:[ ._]+(?:director'?s[ ._](?:cut|edition)|extended(?:[ ._](?:cut|edition))?"
    r"|unrated(?:[ ._]cut)?"
    r"|theatrical[ ._]cut|remastered|uncensored|internal|custom|repack|proper))+$",
    re.IGNORECASE,
)
_AKA = re.compile(r"(?<=\w)[ ._]+aka[ ._]+.{1,100}?(?=[ ._]+[\[(]?(?:19|20)\d\d|$)", re.IGNORECASE)
_EMPTY = re.compile(r"[\[({]\s*[\])}]")


def without_site(text: str) -> str:
    """``text`` without the address of a web site before it.

    >>> without_site("www.example.org - A Title 2010"), without_site("[ www.example.org ] A Title"), without_site("A-B")
    ('A Title 2010', 'A Title', 'A-B')
    """
    return _SITE.sub("", text, count=1) or text


@functools.lru_cache(maxsize=16_384)
def clean_title(text: str) -> str:
    """``text`` as a person would write it; initials keep their dots.

    >>> clean_title("The.Big_Show.-."), clean_title("Mr. Big - "), clean_title("S.H.O.W.and.Tell")
    ('The Big Show', 'Mr. Big', 'S.H.O.W. and Tell')
    """
    text = _EMPTY.sub("", text.strip())
    spaces, dots, lines = text.count(" "), text.count("."), text.count("_")
    if lines and not spaces:
        text = text.replace("_", " ") if lines >= dots else text.replace("_", " ").replace(".", " ")
    elif dots and not spaces:
        text = _INITIALS.sub(lambda m: m[1].replace(".", "\0") + " ", text).replace(".", " ").replace("\0", ".")
    elif dots > spaces:
        text = text.replace(".", " ")
    else:
        text = text.replace("_", " ")
    text = " ".join(text.split())
    text = text.strip(" -–—_,:;|/\\+~*=")
    if text.endswith(".") and not text.endswith("..") and text.count(".") == 1 and len(text) > 4:
        head = text[:-1]
        text = text if len(head.rpartition(" ")[2]) <= 3 else head
    for opening, closing in ("()", "[]", "{}"):
        if text.count(opening) != text.count(closing):
            text = text.replace(opening, " ").replace(closing, " ")
    return " ".join(text.split()).strip(" -–—_,:;|")


def without_other_title(text: str) -> str:
    """``text`` without the second title that follows ``aka``, up to year or end.

    >>> without_other_title("One Title AKA Ein Titel (2010) 720p"), without_other_title("Makaka 2010")
    ('One Title (2010) 720p', 'Makaka 2010')
    """
    return _AKA.sub("", text, count=1) if "aka" in text.lower() else text


def without_release_words(text: str) -> str:
    """``text`` without the words of a release that some put between title and year; two words of it stay.

    >>> without_release_words("Der.Titel.German.DL"), without_release_words("German")
    ('Der.Titel', 'German')
    >>> without_release_words("A.Title.Extended")
    'A.Title'
    """
    return _EDITION_LAST.sub(r"\g<keep>", _GERMAN.sub("", text))


def trailing_year(text: str) -> tuple[str, int | None]:
    """``text`` without the year that ends it, and the year; a title that is nothing but a year keeps it.

    >>> trailing_year("The.Show.2005."), trailing_year("1923 "), trailing_year("Show (2010)")
    (('The.Show', 2005), ('1923 ', None), ('Show', 2010))
    """
    match = _YEAR_LAST.match(text)
    return (match["title"], int(match["year"])) if match else (text, None)
