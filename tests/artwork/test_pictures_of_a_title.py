"""How many pictures a title gets is among the timings of its run."""

from __future__ import annotations

from tasks.schema.titles import Artwork, ArtworkWanted
from tests.artwork.test_plan import SHOW, a_poster, a_still, kept_row, library, planned, wanted_row

__all__ = ["library"]


def counts(records):
    return [(r.kind, r.item, r.value) for r in records if r.name == "artwork.images_per_title"]


def test_a_picture_in_several_places_of_a_title_is_one(library, tmp_path, records):
    """
    A show gets two: a poster, which its season has, too, and a still. Of the still of an episode that is not in the
    library it gets nothing.
    """
    of_season = a_poster() | {"season_number": 1}
    staging = library(scraped=[a_poster(), of_season, a_still(1), a_still(2)])

    assert (3, ["/e1.jpg", "/p.jpg", "/p.jpg"]) == planned(staging, tmp_path)

    assert [("value", SHOW, 2)] == counts(records)


def test_a_title_that_has_its_pictures_gets_none(library, tmp_path, records):
    """
    What is on disk is not counted: the value says what there was to download.
    """
    poster = a_poster()
    staging = library(known={ArtworkWanted: [wanted_row(poster)], Artwork: [kept_row(tmp_path, poster)]})

    assert (1, []) == planned(staging, tmp_path)

    assert [] == counts(records)
