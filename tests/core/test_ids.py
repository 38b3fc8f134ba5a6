"""Keys: stable, distinct, ours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.core import ids


def test_ids_do_not_change_between_versions():
    """
    The ids of a user's library are stored: BLAKE2b over length-prefixed parts, 96 bits, in hexadecimal.
    """
    import hashlib

    parts = [b"file", b"/v/a.mkv", b"0"]
    hasher = hashlib.blake2b(digest_size=12)
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little") + part)

    assert hasher.hexdigest() == ids.file_id(b"/v/a.mkv")


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_different_parts_give_different_digests(one, other):
    """
    Where a part ends matters: ("ab", "c") is not ("a", "bc"); lone surrogates from file names are parts as well.
    """
    assert (one == other) == (ids.digest(*one) == ids.digest(*other))


def test_ids_in_names_alone_decide_a_title_key():
    """
    Two spellings with the same id are one title; without ids spelling, year and kind decide.
    """
    assert ids.title_key("movie", "a", 2001, ("tmdb:1",)) == ids.title_key("movie", "b", None, ("tmdb:1",))
    assert ids.title_key("movie", "a", 2001) != ids.title_key("movie", "a", 2002)
    assert ids.title_key("movie", "a", 2001) != ids.title_key("show", "a", 2001)


def test_the_order_of_ids_does_not_matter():
    """
    A folder may name the ids in another order than the file.
    """
    assert ids.title_key("movie", "", None, ("imdb:tt1", "tmdb:1")) == ids.title_key(
        "movie", "", None, ("tmdb:1", "imdb:tt1")
    )


def test_every_place_for_a_picture_has_its_own_id():
    """
    Poster of the show, of season 1, of season 2, second choice: four places.
    """
    places = [
        ids.artwork_id("show:tmdb:1", "poster", 1),
        ids.artwork_id("show:tmdb:1", "poster", 1, 1),
        ids.artwork_id("show:tmdb:1", "poster", 1, 2),
        ids.artwork_id("show:tmdb:1", "poster", 2),
    ]

    assert 4 == len(set(places))
