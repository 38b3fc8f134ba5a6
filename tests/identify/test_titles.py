"""When two spellings are the same title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.titles import normal_title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Amélie & Co.", "amelie and co"),
        ("The.Blue_Tower", "The Blue Tower"),
        ("STRASSE", "Straße"),
        ("ÉLÉGIE", "e\u0301le\u0301gie"),
        ("Ёлки", "елки"),
        ("ＡＢＣ", "abc"),
    ],
)
def test_spellings_of_one_title_are_equal(one, other):
    """
    Case, accents, punctuation, spaces and ``&`` make no other title.
    """
    assert normal_title(one) == normal_title(other)


@pytest.mark.parametrize(("one", "other"), [("Blue Tower", "Blue Tower 2"), ("東京物語", "東京"), ("!!!", "???")])
def test_other_titles_stay_apart(one, other):
    """
    Numbers count, every script counts, and titles of signs only are told apart by their signs.
    """
    assert normal_title(one) != normal_title(other)


@given(st.text(min_size=1).filter(lambda text: bool(text.split())))
def test_only_a_blank_title_has_no_key(title):
    """
    A title with anything in it has a key.
    """
    assert normal_title(title)


@given(st.text())
def test_a_key_is_its_own_key(title):
    """
    Normalising twice is normalising once, so that stored keys can be compared with fresh ones.
    """
    assert normal_title(normal_title(title)) == normal_title(title)
