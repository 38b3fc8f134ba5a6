"""What the title of a track says about it, where nobody set its flags: "Director's Commentary", "Deutsch (Forced)".

Titles are free text in any language: only words that say one thing are taken, abbreviations only in capitals and
standing alone, and nothing behind "no", "non-" or "without". Flags stay what they are; this stands beside them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple


class Said(NamedTuple):
    """What a title says."""

    forced: bool = False
    commentary: bool = False
    hearing_impaired: bool = False
    visual_impaired: bool = False


_FORCED = (
    r"\bforced\b|\bforeign[ -](?:parts?|dialogues?|languages?)[ -](?:only|parts?)\b|\berzwungene?\b|\bforcée?s?\b"
    r"|\bforzad[oa]s?\b|\bforzat[oiae]\b|\bforçad[oa]s?\b|\bgeforceerde?\b|\bgedwongen\b|\btvung(?:en|na|ne)\b"
    r"|\bwymuszone\b|\bvynucené\b|\bpakotet\w*|\bkényszerített\b|форсированн\w*|強制|强制|강제"
)
_COMMENTARY = (
    r"\b(?:audio)?comment(?:ary|aries|s|aires?|i|o)\b|\b(?:\w+)?kommentare?\b|\bkommentar(?:spor|spår|er)\b"
    r"|\bcoment[aá]rios?\b|\b(?:audio)?commentaar\w*|\bkomentarz\w*|\bkomentář\w*|\bkommentár\w*|\bkommentti\w*"
    r"|(?<!тифло)комментари\w*|コメンタリー|評論音軌|评论音轨|코멘터리"
)
_HEARING = (
    r"\bhearing[ -]impaired\b|\bhard[ -]of[ -]hearing\b|\bhoh\b|\bfor the deaf\b|\bdeaf\b"
    r"|\bclosed[ -]caption(?:s|ed|ing)?\b"
    r"|\b(?:hör)?gesch[aä]digten?\b|\bgehörlosen?\b|\bschwerhörigen?\b|\bsourds\b|\bmalentendants?\b|\bsordos\b"
    r"|\bhipoac[uú]sic\w*|\bnon udenti\b|\bsordi\b|\bsurdos\b|\bensurdecidos\b|\bslechthorenden\b|\bdoven\b"
    r"|\bhörselskadade\b|\bhørehæmmede\b|\bhørselshemmede\b|\bkuulovammais\w*|\bnies[lł]ysz[aą]cych\b"
    r"|\bneslyšící\b|\bhallássérült\w*|глухих|слабослышащих|聴覚障害|听障|聽障|청각"
)
_VISUAL = (
    r"\baudio[ -]?descri(?:ption|ptive|bed|pción|zione|ção|ptie|pcja)\b|\baudiodeskription\b|\baudiodeskrypcja\b"
    r"|\bdescriptive (?:audio|video|service|narration)\b|\bdescribed video\b|\bvisual(?:ly)?[ -]impaired\b"
    r"|\bfor the blind\b|\bhörfilm\w*|\bbildbeschreibung\b|\bmalvoyants?\b|\baveugles\b|\bciegos\b|\bnon vedenti\b"
    r"|\bslechtzienden\b|\bsyntolk\w*|\bsynstolk\w*|тифлокомментари\w*|音声解説|解説放送"
)
_NOT = r"(?<!\bno )(?<!\bnon )(?<!\bnon-)(?<!\bnot )(?<!\bwithout )(?<!\bohne )(?<!\bsans )(?<!\bsin )(?<!\bsenza )"
_PATTERNS = tuple(re.compile(f"{_NOT}(?:{words})") for words in (_FORCED, _COMMENTARY, _HEARING, _VISUAL))
# Abbreviations: in capitals. HI is also Hindi, AD also a year, CC BY a licence.
_HEARING_SHORT = re.compile(r"\bSDH\b|\bSME\b|\bCC[1-4]?\b(?![ -](?:BY|0)\b)|\bHOH\b|[\[(]HI[\])]")
_VISUAL_SHORT = re.compile(r"[\[(]AD[\])]|\bDVS\b|^AD$")
_NOTHING = Said()


@functools.lru_cache(4_096)
def said_by_title(title: str | None) -> Said:
    """What ``title`` says about its track; nothing where there is none.

    >>> said_by_title("Director's Commentary").commentary, said_by_title("English (SDH)").hearing_impaired
    (True, True)
    >>> said_by_title("Full (non-forced)")
    Said(forced=False, commentary=False, hearing_impaired=False, visual_impaired=False)
    """
    if not title:
        return _NOTHING
    text = unicodedata.normalize("NFKC", title[:500]).strip()
    small = text.casefold()
    forced, commentary, hearing, visual = (bool(pattern.search(small)) for pattern in _PATTERNS)
    is_hindi = "hindi" in small and "HI" in text
    hearing = hearing or any(not (is_hindi and "HI" in found) for found in _HEARING_SHORT.findall(text))
    return Said(forced, commentary, hearing, visual or bool(_VISUAL_SHORT.search(text)))
