"""Which pictures are fetched: one rule decides it, in the plan, and nothing is fetched that is not in the plan."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.artwork.plan import plan
from tasks.artwork.task import fetch_artwork
from tasks.core.settings import ArtworkSettings
from tasks.http import loop
from tasks.schema.titles import Artwork, ArtworkWanted
from tasks.staging import read_staged, write_staged
from tests.artwork.test_artwork import a_batch, a_jpeg, settings_for
from tests.artwork.test_plan import SHOW, a_run, kept_row, wanted_row
from tests.http.loopback import Loopback, Say

PLACES = {"poster": {}, "backdrop": {}, "logo": {}, "still": {"season_number": 1, "episode_number": 1}}
"""One place of each kind of picture; the episode is in the library."""
CONTENTS = {"there": b"picture", "shorter": b"pict", "longer": b"pictures", "other bytes": b"erutcip", "gone": None}
"""What may have become of a file of seven bytes."""
OF_ITS_SIZE = ("there", "other bytes")


@dataclass(frozen=True)
class Known:
    """What is known of the picture of a place."""

    row_in: str | None
    """Where its row stands: in the warehouse, with a run that died before its load, or nowhere."""
    file: str
    """What has become of its file."""
    has_changed: bool
    """The service names another picture now, which only shows where the title is asked for again."""


@pytest.fixture(scope="module")
def service():
    """A service that has every picture."""
    with Loopback(lambda *_: Say(200, a_jpeg(), {})) as server:
        yield server
    loop.close()


def a_candidate(kind, path):
    return {"owner_id": SHOW, "kind": kind, "provider": "tmdb", "source_path": path} | PLACES[kind]


def a_library(folder, known, *, is_asked_again):
    """The staging folder of a run that knows this of each kind, and what the warehouse holds."""
    rows = {"warehouse": [], "dead run": [], None: []}
    for kind, one in known.items():
        row = kept_row(folder, a_candidate(kind, f"/{kind}.jpg"))
        content = CONTENTS[one.file]
        if content is None:
            (folder / row["file"]).unlink()
        else:
            (folder / row["file"]).write_bytes(content)
        rows[one.row_in].append(row)
    write_staged({Artwork: Artwork.frame(rows["dead run"])}, staging=a_run(folder, run="dead"), stage="artwork")
    held = {
        ArtworkWanted: [wanted_row(a_candidate(kind, f"/{kind}.jpg")) for kind in known],
        Artwork: rows["warehouse"],
    }
    named = [a_candidate(kind, path_of(kind, is_new=one.has_changed)) for kind, one in known.items()]
    return a_run(folder, known=held, scraped=named if is_asked_again else ()), held


def path_of(kind, *, is_new):
    return f"/{kind}{'-new' if is_new else ''}.jpg"


def missing_in(staging, folder):
    _, missing = plan(staging, ArtworkSettings(), language="en-US", data_dir=folder)
    return missing


some_known = st.builds(
    Known,
    row_in=st.sampled_from(["warehouse", "dead run", None]),
    file=st.sampled_from([*CONTENTS]),
    has_changed=st.booleans(),
)


@settings(deadline=None, max_examples=25)
@given(known=st.fixed_dictionaries(dict.fromkeys(PLACES, some_known)), is_asked_again=st.booleans())
@example(known=dict.fromkeys(PLACES, Known("warehouse", "gone", has_changed=False)), is_asked_again=False)
@example(known=dict.fromkeys(PLACES, Known("warehouse", "there", has_changed=True)), is_asked_again=True)
def test_what_is_fetched_is_what_one_rule_says(service, known, is_asked_again):
    """
    A picture is fetched where its path is not known, or its file is not there with the size that is known: so says the
    plan, exactly that is asked for, and the next plan finds nothing missing. A path without its file is no special case
    that shows later, when the picture is needed. It holds for every kind of picture, also for rows of a run that died.
    """
    needed = []
    for kind, one in known.items():
        is_new = one.has_changed and is_asked_again
        if is_new or one.row_in is None or one.file not in OF_ITS_SIZE:
            needed.append(path_of(kind, is_new=is_new))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        staging, held = a_library(folder, known, is_asked_again=is_asked_again)
        before = len(service.heard)

        missing = missing_in(staging, folder)
        if missing.height:
            batch = a_batch(folder / "batch", missing)
            fetch_artwork.fn(batch, settings_for(), f"{service.url}/t/p", str(folder))
        heard = [request.path.removeprefix("/t/p/w185") for request in service.heard[before:]]
        rows = [read_staged(Artwork, staging=of).to_dicts() for of in (staging, folder / "batch")]
        wanted = read_staged(ArtworkWanted, staging=staging).to_dicts() or held[ArtworkWanted]
        loaded = {ArtworkWanted: wanted, Artwork: [*held[Artwork], *rows[0], *rows[1]]}
        left = missing_in(a_run(folder, known=loaded, run="next"), folder)

    assert sorted(needed) == sorted(missing["source_path"]) == sorted(heard)
    assert 0 == left.height


def test_further_pictures_of_a_kind_are_planned_as_the_first(service, tmp_path):
    """
    Three pictures of every kind there is, as extra backdrops are: twelve in the plan, and twelve requests.
    """
    named = [a_candidate(kind, f"/{kind}{rank}.jpg") for kind in PLACES for rank in (1, 2, 3)]
    staging = a_run(tmp_path, scraped=named)
    before = len(service.heard)

    total, missing = plan(staging, ArtworkSettings(per_kind=3), language="en-US", data_dir=tmp_path)
    fetch_artwork.fn(a_batch(tmp_path / "batch", missing), settings_for(), f"{service.url}/t/p", str(tmp_path))

    heard = [request.path.removeprefix("/t/p/w185") for request in service.heard[before:]]
    assert (12, 12) == (total, missing.height)
    assert sorted(row["source_path"] for row in named) == sorted(heard)


def test_every_kind_of_picture_is_looked_at_here():
    """
    A new kind has to be planned as the others are.
    """
    (check,) = ArtworkWanted.to_schema().columns["kind"].checks

    assert set(PLACES) == set(check.statistics["allowed_values"])
