"""The technical words of release names: where they begin, and what resolution, source, edition and group they claim."""

from __future__ import annotations

import re
from typing import NamedTuple

# Words that stand in no title by themselves.
_STRONG = (
    r"(?:m?(?:360|480|540|576|720|900|1080|1440|2160|4320)[pi](?:\d\d)?|[48]k|uhd|\d{3,4}x\d{3,4}"
    r"|(?:uhd[ ._-]?)?blu-?rays?|b[dr][ ._-]?(?:rip|remux|mux|25|50|66)|bd|bdmv|hd-?dvd|hd[ ._-]?rip|hd[ ._-]?light"
    r"|microhd"
    r"|web[ ._-]?(?:dl|rip|mux|hd|dlrip|dlmux|cap)|(?:dlrip)|hdtv(?:rip)?|uhdtv|pdtv|sdtv|dsr(?:ip)?|dvb(?:rip)?"
    r"|tvrip|sat[ ._-]?rip"
    r"|dvd(?:[ ._-]?(?:rip|scr|mux|r|5|9|full))?|r5|vhs[ ._-]?rip|telesync|telecine|hd-?(?:cam|ts|tc)|cam-?rip"
    r"|ppv(?:rip)?|vod(?:rip)?"
    r"|[xh][ .]?26[3456]|hevc|avc|xvid|divx|vc-?1|mpeg-?[24]|av1|vp9|10-?bits?|8-?bits?|hi10p?|hdr(?:10)?(?:\+|plus)?"
    r"|dolby[ ._-]?vision"
    r"|dts(?:-?(?:hd|x|es|ma|hra))?|truehd|atmos|e?-?ac-?3|aac(?:[ ._]?[257][ .][01])?|ddp?a?[ ._]?[257][ .][01]"
    r"|dd[p+]|flac|mp3|opus"
    r"|remux|amzn|dsnp|hulu|atvp|hmax"
    r"|vostfr|subfrench|truefrench|vff|vf[2iq]|dubbed|dublado|legendado|multi[ ._-]?subs?|dual[ ._-]?audio)"
)
# Words that titles use too: technical only beside a strong one.
_WEAK = (
    r"(?:web|proper|repack|rerip|real|internal|limited|complete|extended|unrated|uncut|uncensored|theatrical"
    r"|remastered|restored|imax"
    r"|directors?[ ._]cut|director's[ ._]cut|special[ ._]edition|final[ ._]cut|criterion(?:[ ._]collection)?|redux"
    r"|custom|hybrid|open[ ._]matte"
    r"|multi|dual|dl|subbed|hq|hd|fhd|sd|3d|hsbs|half-?(?:sbs|ou)|cam|ts|tc|scr|screener|retail|festival|stv"
    r"|read[ ._]?nfo|nf|itunes|dv|sdr"
    r"|english|eng|french|german|italian|ita|spanish|castellano|latino|russian|rus|hindi|tamil|telugu|korean|japanese"
    r"|jap|chinese|swedish"
    r"|nordic|norwegian|danish|finnish|dutch|polish|pl|portuguese|swesub|flemish|turkish|hungarian|czech|fastsub|vo"
    r"|vost|vf|\d{1,2}th[ ._]anniversary[ ._]edition"
    r"|int|ac3d|hc|ws|fs|dc|se|nl|fr|it)"
)
_EDGE = r"(?<![^\W_])"
_END = r"(?![^\W_])"
_TECH = re.compile(f"{_EDGE}{_STRONG}{_END}", re.IGNORECASE)
_WEAK_RUN = re.compile(rf"(?:(?<=[ ._\-(\[,]){_WEAK}[ ._\-)\](,]+)+$", re.IGNORECASE)
_ANY_FIRST = re.compile(rf"[ ._\-\[({{]*(?:{_STRONG}|{_WEAK}|v\d){_END}", re.IGNORECASE)

_RESOLUTION = re.compile(
    rf"(?:{_EDGE}|(?<=\dm)|(?<=m))(?:(?P<lines>360|480|540|576|720|900|1080|1440|2160|4320)(?P<scan>[pi])(?:\d\d)?"
    rf"|\d{{3,4}}x(?P<height>360|480|540|576|720|900|1080|1440|2160|4320)|(?P<k>[48]k|uhd)){_END}",
    re.IGNORECASE,
)
_SOURCES = (
    ("Blu-ray", r"blu-?rays?|b[dr][ ._-]?(?:rip|remux|mux|25|50|66)|bd|bdmv"),
    ("HD-DVD", r"hd-?dvd"),
    ("Web", r"web[ ._-]?(?:dl|rip|mux|hd|dlrip|dlmux|cap)?|dlrip|itunes|amzn|dsnp|hulu|atvp|hmax"),
    ("HDTV", r"hdtv(?:rip)?|uhdtv|hdtvrip"),
    ("Digital TV", r"pdtv|dvb(?:rip)?"),
    ("TV", r"sdtv|tvrip"),
    ("Satellite", r"dsr(?:ip)?|sat[ ._-]?rip"),
    ("DVD", r"dvd(?:[ ._-]?(?:rip|scr|mux|r|5|9|full))?|r5"),
    ("VHS", r"vhs(?:[ ._-]?rip)?"),
    ("Telesync", r"telesync|hd-?ts|ts"),
    ("Telecine", r"telecine|hd-?tc"),
    ("Camera", r"hd-?cam|cam(?:-?rip)?"),
    ("Video on Demand", r"vod(?:rip)?|ppv(?:rip)?"),
    ("HD", r"hd[ ._-]?rip|hd[ ._-]?light"),
)
_SOURCE = re.compile(
    _EDGE + "(?:" + "|".join(f"(?P<s{i}>{words})" for i, (_, words) in enumerate(_SOURCES)) + ")" + _END, re.IGNORECASE
)
_EDITIONS = (
    ("Director's Cut", r"director'?s?[ ._]?(?:cut|edition)"),
    ("Extended", r"extended(?:[ ._](?:cut|edition|version))?"),
    ("Theatrical", r"theatrical(?:[ ._](?:cut|edition|version))?"),
    ("Unrated", r"unrated"),
    ("Uncut", r"uncut"),
    ("Uncensored", r"uncensored"),
    ("Final Cut", r"final[ ._]cut"),
    ("Ultimate", r"ultimate[ ._](?:cut|edition)"),
    ("Special", r"special[ ._](?:cut|edition)"),
    ("Collector", r"collector'?s?[ ._]edition"),
    ("Criterion", r"criterion(?:[ ._](?:collection|edition))?"),
    ("Anniversary", r"(?:\d{1,3}th[ ._])?anniversary[ ._]edition"),
    ("Remastered", r"(?:\dk[ ._])?remastered"),
    ("IMAX", r"imax(?:[ ._]edition)?"),
    ("Redux", r"redux"),
)
_EDITION = re.compile(
    _EDGE + "(?:" + "|".join(f"(?P<e{i}>{words})" for i, (_, words) in enumerate(_EDITIONS)) + ")" + _END, re.IGNORECASE
)
_GROUP = re.compile(r"-[ _]?(?P<group>[^\W_][\w&@!'-]{0,24}(?:\.[A-Za-z]{2,4})?)(?:[ ]?[\[{(][^\]})]{0,30}[\]})])*$")
_GROUP_BRACKET = re.compile(r"[\[(](?P<group>[^\W\d_][\w.@!-]{1,24})[\])]$")
_NO_GROUP = re.compile(rf"{_STRONG}|dl|hd|ma|es|rip|ray|mux|subs?|\d+v\d|{_WEAK}", re.IGNORECASE)
_PART = re.compile(
    r"(?:[ ._\-(\[]+cd[ ._-]?|[ ._\-(\[]+(?:dis[ck]|dvd)[ ._-]?|[ ._-]+(?:pt|part)[ ._-]?)(?P<part>[1-9])[)\]]?(?=$"
    r"|[ ._-])",
    re.IGNORECASE,
)


class Claims(NamedTuple):
    """What the technical part of a name claims."""

    resolution: str | None
    source: str | None
    edition: str | None
    group: str | None


NOTHING = Claims(None, None, None, None)


def tech_start(text: str, begin: int = 0) -> int | None:
    """Where the technical words of ``text`` begin, weak ones before the first strong one included.

    >>> tech_start("22.Streets.GERMAN.DL.AC3.1080p"), tech_start("The German Doctor"), tech_start("Extended.Stay.2010")
    (11, None, None)
    """
    match = _TECH.search(text, begin)
    if match is None:
        return None
    run = _WEAK_RUN.search(text, begin, match.start())
    return run.start() if run else match.start()


def begins_technical(text: str) -> bool:
    """Whether the first word of ``text`` is a technical one (or there is none)."""
    return not text.strip(" ._-") or _ANY_FIRST.match(text) is not None


def claims(text: str) -> Claims:
    """Resolution, source, edition and release group in ``text``, the part of a name after title and numbers.

    >>> claims(".EXTENDED.1080p.BluRay.x264-GRP[site]")
    Claims(resolution='1080p', source='Blu-ray', edition='Extended', group='GRP')
    """
    if len(text) < 2:
        return NOTHING
    found_resolution = _RESOLUTION.search(text)
    resolution = None
    if found_resolution:
        if found_resolution["k"]:
            resolution = "4320p" if found_resolution["k"].lower() == "8k" else "2160p"
        else:
            lines = found_resolution["lines"] or found_resolution["height"]
            resolution = lines + (found_resolution["scan"] or "p").lower()
    found_source = _SOURCE.search(text)
    source = _SOURCES[int(str(found_source.lastgroup)[1:])][0] if found_source else None
    found_edition = _EDITION.search(text)
    edition = _EDITIONS[int(str(found_edition.lastgroup)[1:])][0] if found_edition else None
    return Claims(resolution, source, edition, _group(text))


def _group(text: str) -> str | None:
    """The release group that ends ``text``; technical words must stand before it, or it ends a chapter's title."""
    match = _GROUP.search(text) or _GROUP_BRACKET.search(text)
    if match is None or not _TECH.search(text, 0, match.start() + 1):
        return None
    words = match["group"].split("-")
    while words and _NO_GROUP.fullmatch(words[0]):
        del words[0]
    return "-".join(words) or None


def part(text: str) -> int | None:
    """Which part of a movie that is split over files (``cd1``, ``pt2``, ``disc 1``).

    >>> part(" - cd2"), part(".part1"), part(" Parting 2")
    (2, 1, None)
    """
    match = _PART.search(text)
    return int(match["part"]) if match else None
