"""What titles of tracks say, in the languages films come in."""

from __future__ import annotations

import pytest

from tasks.probe.titles import Said, said_by_title


@pytest.mark.parametrize(
    "title",
    [
        "Director's Commentary", "Commentary with cast", "AUDIO COMMENTARY", "Commentaries", "Kommentar des Regisseurs",
        "Audiokommentar", "Regiekommentar", "Commentaire audio", "Comentarios del director", "Comentário", "Commento",
        "Audiocommentaar", "Kommentarspår", "Komentarz reżysera", "Комментарий режиссёра", "オーディオコメンタリー",
    ],
)  # fmt: skip
def test_commentaries(title):
    """
    The word for a commentary, in any case and in compounds.
    """
    assert Said(commentary=True) == said_by_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "Forced", "English (forced)", "Deutsch [Forced]", "Français forcés", "Español forzados", "Forzati", "Forçadas",
        "Foreign parts only", "Foreign Language Only", "Tvungen", "Wymuszone", "форсированные", "強制字幕",
    ],
)  # fmt: skip
def test_forced(title):
    """
    Subtitles for foreign passages only.
    """
    assert Said(forced=True) == said_by_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "SDH", "English [SDH]", "English (CC)", "CC1", "Closed Captions", "closed-captioned", "English (HI)",
        "Hearing Impaired", "for the hard of hearing", "Deutsch für Hörgeschädigte", "Gehörlose",
        "Français (sourds et malentendants)", "SME", "Español para sordos", "Non udenti", "Surdos", "Slechthorenden",
        "для глухих", "聴覚障害者用",
    ],
)  # fmt: skip
def test_hearing_impaired(title):
    """
    Subtitles that tell noises as well.
    """
    assert Said(hearing_impaired=True) == said_by_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "Audio Description", "English (AD)", "AD", "Descriptive Audio", "DVS", "Hörfilmfassung", "Audiodeskription",
        "Audiodescription", "Audiodescripción", "for the visually impaired", "Syntolkning", "Тифлокомментарий",
    ],
)  # fmt: skip
def test_visual_impaired(title):
    """
    Sound that tells what is to be seen; the Russian word for it ends like that for a commentary.
    """
    assert Said(visual_impaired=True) == said_by_title(title)


@pytest.mark.parametrize(
    "title",
    [
        None, "", "English", "Main", "Full (non-forced)", "Not forced", "Isolated score (no commentary)",
        "ohne Kommentar",
        "The Enforcers", "Task Force", "Reinforced sound", "A Documentary", "Hindi", "Hindi (HI)", "Hi there", "sdh",
        "Soundtrack CC BY 4.0", "CC0", "500 AD", "Accc", "Success", "5.1 AC3 384 kbps", "Stereo downmix", "Sdhara",
        "Deafening sound", "Signs & Songs",
    ],
)  # fmt: skip
def test_nothing(title):
    """
    Words that only look like it, abbreviations that mean something else, and what is expressly not so.
    """
    assert Said() == said_by_title(title)


def test_a_title_may_say_several_things():
    """
    Commentary in subtitles for the deaf.
    """
    assert Said(commentary=True, hearing_impaired=True) == said_by_title("Director's commentary [SDH]")


def test_a_very_long_title_costs_no_time():
    """
    A hostile title of a million letters is looked at in its beginning only.
    """
    assert Said() == said_by_title("a" * 1_000_000 + " commentary")
