"""The titles of the demo, written by hand: what the toy library holds, and decoys that a search finds beside it. Pure.

The decoys are more popular than the titles they resemble, so they stand first in the answers, as it happens at TMDB.
"""

from __future__ import annotations

from datetime import date, timedelta

from tasks.standin import words
from tasks.standin.generated import FIRST_PERSON_ID
from tasks.standin.titles import Collection, Credit, Episode, Film, Pictures, Season, Show, Text

SALT_FERRY_ID = 101
LOW_WATER_ID = 102
CLOCKMAKERS_ID = 103
SALT_FERRY_COLLECTION_ID = 201
OBSERVATORY_ID = 301
UNKNOWN_FILM = ("Umbrella Weather for Moles", 2016)
"""A film of the toy library that the catalogue does not know."""


def _people(first: int, characters: tuple[str, ...], job_count: int = 5) -> tuple[Credit, ...]:
    start = FIRST_PERSON_ID + first
    cast = [Credit(start + n, character) for n, character in enumerate(characters)]
    crew = [
        Credit(start + len(cast) + n, None, department, job)
        for n, (department, job) in enumerate(words.JOBS[:job_count])
    ]
    # Who directs also writes: one person, two credits.
    return (*cast, *crew, Credit(start + len(cast), None, "Writing", "Story"))


FILMS: tuple[Film, ...] = (
    Film(
        id=SALT_FERRY_ID,
        title="The Salt Ferry",
        original_title="The Salt Ferry",
        released_on=date(2011, 9, 16),
        premiered_on=date(2010, 12, 4),
        country="GB",
        overview="The last ferry of a drowned salt works carries one passenger too many, and its pilot has until the "
        "turn of the tide to find out who it is.",
        tagline="Count them twice.",
        runtime_min=104,
        imdb_number=90_000_101,
        collection_id=SALT_FERRY_COLLECTION_ID,
        popularity=8.4127,
        vote_average=7.312,
        vote_count=2_041,
        budget_usd=14_000_000,
        revenue_usd=61_520_300,
        homepage="https://salt-ferry.example/",
        genre_ids=(12, 9648),
        certification="PG-13",
        translations={
            "de": Text("Die Salzfähre", "Die letzte Fähre trägt einen Fahrgast zu viel.", "Zählt sie zweimal."),
            "fr": Text("Le Bac à sel", "Le dernier bac transporte un passager de trop."),
            "ja": Text("塩の渡し舟", ""),
        },
        alternative_titles=(("US", "Salt Crossing"), ("DE", "Die Salzfähre")),
        pictures=Pictures(posters=5, backdrops=4, logos=2),
        credits=_people(0, ("Marit Osk", "The Pilot", "Young Marit", "", "Customs Officer")),
        drawn=True,
    ),
    Film(
        id=LOW_WATER_ID,
        title="The Salt Ferry: Low Water",
        original_title="The Salt Ferry: Low Water",
        released_on=date(2014, 5, 30),
        country="GB",
        overview="Three years on, the estuary falls dry and gives back what the ferry lost.",
        runtime_min=117,
        imdb_number=90_000_102,
        collection_id=SALT_FERRY_COLLECTION_ID,
        popularity=6.0214,
        vote_average=6.845,
        vote_count=1_207,
        budget_usd=22_000_000,
        revenue_usd=0,
        genre_ids=(12, 53),
        certification="R",
        translations={"de": Text("Die Salzfähre: Niedrigwasser", "Die Bucht fällt trocken und gibt alles zurück.")},
        pictures=Pictures(posters=3, backdrops=2, logos=1),
        credits=_people(0, ("Marit Osk", "The Pilot", "Surveyor")),
        drawn=True,
    ),
    Film(
        id=CLOCKMAKERS_ID,
        title="The Clockmakers' Summer",
        original_title="L'Été des horlogers",
        original_language="fr",
        country="FR",
        released_on=date(2019, 8, 21),
        overview="In a valley where every clock runs late, two rival workshops are asked to build one tower clock "
        "together.",
        tagline="Time takes its time.",
        runtime_min=98,
        imdb_number=90_000_103,
        popularity=4.7301,
        vote_average=7.9,
        vote_count=588,
        genre_ids=(35, 18),
        certification="",
        translations={
            "fr": Text("L'Été des horlogers", "Deux ateliers rivaux, une seule horloge.", "Le temps prend son temps."),
        },
        pictures=Pictures(posters=3, backdrops=3, logos=2, svg_logo=True),
        credits=_people(40, ("Aurélie", "Basile", "La Mairesse", "Le Facteur"), job_count=7),
        drawn=True,
    ),
    Film(
        id=111,
        title="The Salt Ferry",
        original_title="The Salt Ferry",
        released_on=date(1968, 3, 8),
        overview="A ferry, a strike and a very long winter.",
        runtime_min=89,
        popularity=11.905,
        vote_average=6.1,
        vote_count=96,
        genre_ids=(18,),
        pictures=Pictures(posters=1, backdrops=0, logos=0),
        drawn=True,
    ),
    Film(
        id=112,
        title="Salt Ferry Blues",
        original_title="Salt Ferry Blues",
        released_on=date(2012, 1, 20),
        overview="A concert film that was never finished.",
        runtime_min=71,
        imdb_number=90_000_112,
        popularity=9.5,
        vote_average=5.5,
        vote_count=12,
        genre_ids=(10402,),
        pictures=Pictures(posters=0, backdrops=1, logos=0),
        drawn=True,
    ),
    Film(
        id=113,
        title="A Clockmakers' Summer Night",
        original_title="A Clockmakers' Summer Night",
        released_on=date(2020, 6, 5),
        overview="",
        runtime_min=0,
        popularity=5.01,
        vote_average=0.0,
        vote_count=0,
        pictures=Pictures(posters=0, backdrops=0, logos=0),
        drawn=True,
    ),
)

COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        id=SALT_FERRY_COLLECTION_ID,
        name="The Salt Ferry Collection",
        overview="A pilot, a ferry and a tide that keeps its own accounts.",
        film_ids=(SALT_FERRY_ID, LOW_WATER_ID),
        translations={"de": Text("Die Salzfähre Filmreihe", "Eine Lotsin, eine Fähre und die Flut.")},
        drawn=True,
    ),
)


def _season(
    number: int, begins: date, overview: str, episodes: tuple[tuple[str, str], ...], *, last_has_aired: bool = True
) -> Season:
    made = tuple(
        Episode(
            season_number=number,
            number=n,
            title=title,
            overview=text,
            aired_on=begins + timedelta(days=7 * (n - 1)) if last_has_aired or n < len(episodes) else None,
            runtime_min=44 if last_has_aired or n < len(episodes) else None,
            has_still=bool(text),
            vote_count=41 - n,
        )
        for n, (title, text) in enumerate(episodes, start=1)
    )
    return Season(number, f"Season {number}" if number else "Specials", overview, made)


SHOWS: tuple[Show, ...] = (
    Show(
        id=OBSERVATORY_ID,
        title="Kestrel Lane Observatory",
        original_title="Kestrel Lane Observatory",
        country="CA",
        overview="Four night-shift astronomers share one telescope, one kettle and one discovery that they cannot "
        "agree on.",
        tagline="Look up. Look again.",
        imdb_number=90_000_301,
        popularity=21.337,
        vote_average=8.104,
        vote_count=934,
        homepage="https://kestrel-lane.example/",
        genre_ids=(18, 9648),
        rating="TV-14",
        seasons=(
            _season(
                0,
                date(2018, 12, 24),
                "",
                (("A Very Long Exposure", "Christmas Eve, and the dome will not close."), ("Bloopers", "")),
            ),
            _season(
                1,
                date(2017, 10, 2),
                "The discovery, and the quarrel about its name.",
                (
                    ("First Light", "A new mirror shows a star that is on no chart."),
                    ("Seeing Conditions", "Fog, and a visitor from the ministry."),
                    ("The Dark Window", "A power cut, part one."),
                    ("The Lit Window", "A power cut, part two."),
                ),
            ),
            _season(
                2,
                date(2019, 1, 14),
                "",
                (
                    ("Parallax", "Two of them move out, to opposite ends of the town."),
                    ("Redshift", "Somebody sells the story."),
                    ("Occultation", "The star goes missing for eleven minutes."),
                    ("Last Quarter", "One telescope, and four goodbyes."),
                ),
            ),
        ),
        translations={
            "de": Text("Sternwarte Falkengasse", "Vier Nachtschichten, ein Fernrohr."),
            "fr": Text("L'Observatoire", ""),
        },
        alternative_titles=(("GB", "Kestrel Lane Nights"),),
        pictures=Pictures(posters=4, backdrops=3, logos=1),
        credits=_people(80, ("Dr. Ines Tallow", "Rafe", "Moth", "Old Bram", "The Visitor"), job_count=6),
        drawn=True,
    ),
    Show(
        id=311,
        title="Kestrel Lane Observatory",
        original_title="Kestrel Lane Observatory",
        overview="The observatory opens again, for tourists.",
        status="Returning Series",
        popularity=30.5,
        vote_average=5.2,
        vote_count=71,
        genre_ids=(18,),
        seasons=(_season(1, date(2023, 2, 6), "", (("Gift Shop", "Day one."), ("Encore", "")), last_has_aired=False),),
        pictures=Pictures(posters=1, backdrops=0, logos=0),
        drawn=True,
    ),
    Show(
        id=312,
        title="Kestrel Lane",
        original_title="Kestrel Lane",
        overview="",
        popularity=2.2,
        seasons=(_season(1, date(1994, 4, 11), "", (("Episode 1", ""), ("Episode 2", ""))),),
        pictures=Pictures(posters=0, backdrops=0, logos=0),
        drawn=True,
    ),
)
