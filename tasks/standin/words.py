"""Invented names: the word stock of the catalogue, and the arithmetic that makes titles out of it. Pure.

Every generated title holds a place that does not exist, so that no real film is named by accident.
"""

from __future__ import annotations

ADJECTIVES = (
    "Amber", "Borrowed", "Brass", "Broken", "Copper", "Crooked", "Distant", "Drifting", "Early", "Empty", "Faded",
    "Folded", "Gentle", "Gilded", "Hidden", "Hollow", "Idle", "Ivory", "Late", "Narrow", "Northern", "Pale", "Patient",
    "Quiet", "Rusted", "Salted", "Seventh", "Silver", "Slow", "Tidal", "Unlit", "Velvet", "Wandering", "Winter",
)  # fmt: skip
NOUNS = (
    "Almanac", "Anchor", "Apiary", "Archive", "Balloonist", "Beekeeper", "Bell", "Bookbinder", "Bridge", "Candle",
    "Carousel", "Cartographer", "Chimney", "Clock", "Compass", "Cormorant", "Courier", "Ferry", "Garden", "Glacier",
    "Harbour", "Heron", "Inkwell", "Kettle", "Kite", "Ladder", "Lantern", "Letter", "Lighthouse", "Locksmith", "Meadow",
    "Mirror", "Observatory", "Orchard", "Orchestra", "Parade", "Passenger", "Pendulum", "Piano", "Postcard", "Quarry",
    "Railway", "Raven", "Recipe", "Reservoir", "Sailmaker", "Semaphore", "Sparrow", "Staircase", "Station", "Suitcase",
    "Teacup", "Telescope", "Thimble", "Tide", "Tunnel", "Umbrella", "Violin", "Watchmaker", "Weathervane", "Windmill",
)  # fmt: skip
_PLACE_HEADS = (
    "Ald", "Bel", "Brom", "Cald", "Dorv", "Elm", "Fenn", "Garr", "Holm", "Ivr", "Jask", "Kesk", "Lorv", "Marv", "Nast",
    "Omb", "Prav", "Quill", "Ress", "Sorv", "Tarn", "Ulv", "Vess", "Wyrr", "Yest", "Zell",
)  # fmt: skip
_PLACE_TAILS = (
    "amar", "borough", "eska", "fjell", "grad", "haven", "ith", "mark", "ova", "quay", "rel", "ston", "uvo", "wick",
)  # fmt: skip
PLACES = tuple(head + tail for tail in _PLACE_TAILS for head in _PLACE_HEADS)

GIVEN_NAMES = (
    "Abel", "Ada", "Anneke", "Bruno", "Cecily", "Dario", "Edda", "Emil", "Fenna", "Gregor", "Hanne", "Ilse", "Ivo",
    "Jonna", "Kasimir", "Lena", "Linus", "Maren", "Milo", "Nadja", "Odile", "Otto", "Petra", "Quentin", "Rosa",
    "Silvan", "Tilda", "Ulla", "Viktor", "Wanda", "Xenia", "Yann", "Zora", "Zoë", "Søren", "Renée",
)  # fmt: skip
_FAMILY_HEADS = (
    "Arven", "Bost", "Crell", "Dunder", "Eskel", "Farrow", "Gantz", "Hask", "Ibber", "Jorv", "Kalt", "Lind", "Mosk",
    "Nevv", "Ostr", "Pell", "Quist", "Rusk", "Sav", "Tull", "Umber", "Vint", "Wess", "Yarr", "Zind",
)  # fmt: skip
_FAMILY_TAILS = ("ani", "berd", "dottir", "elli", "enko", "holt", "ides", "lund", "ova", "quin", "strom", "wright")
FAMILY_NAMES = tuple(head + tail for tail in _FAMILY_TAILS for head in _FAMILY_HEADS)

COMPANIES = tuple(
    f"{adjective} {noun} {kind}"
    for adjective, noun, kind in zip(
        ADJECTIVES[:20], NOUNS[10:30], ("Pictures", "Film", "Productions", "Filmverleih") * 5, strict=True
    )
)
NETWORKS = ("Channel Ombeska", "Radio-TV Belmark", "Vessgrad One", "Kite Stream", "Marvith Public Television")
KEYWORDS = (
    "lighthouse", "small town", "letters", "winter", "railway", "lost map", "invented country", "friendship", "harbour",
    "clockwork", "family secret", "orchestra", "smuggling", "first love", "storm", "inheritance", "bees", "chess",
)  # fmt: skip
JOBS = (
    ("Directing", "Director"), ("Writing", "Screenplay"), ("Production", "Producer"),
    ("Camera", "Director of Photography"), ("Editing", "Editor"), ("Sound", "Original Music Composer"),
    ("Art", "Production Design"), ("Costume & Make-Up", "Costume Design"), ("Production", "Executive Producer"),
    ("Sound", "Sound Designer"),
)  # fmt: skip

_FILM_PATTERNS = (
    "The {noun} of {place}",
    "{adjective} {noun} over {place}",
    "One {adjective} {noun} in {place}",
    "{place}: The {adjective} {noun}",
    "{place}'s {adjective} {noun}",
    "Last {noun} to {place}",
    "{adjective} {place} & the {noun}",
    "How the {noun} Left {place}",
)
_SHOW_PATTERNS = ("The {place} {noun}", "{noun} at {place} Bay", "{place} {noun} Squad", "Return to {place} {noun}")
FILM_TITLE_COUNT = len(_FILM_PATTERNS) * len(NOUNS) * len(PLACES)
"""Films that can be named before titles come again; each noun and place meets once a pattern."""
SHOW_TITLE_COUNT = len(_SHOW_PATTERNS) * len(NOUNS) * len(PLACES)
_STRIDE = 104_729
"""A prime that divides neither count: multiples of it visit every title once, and neighbours look unlike."""


def film_title(number: int, *, seed: int) -> str:
    """The title of generated film ``number``; different numbers give different titles below FILM_TITLE_COUNT."""
    return _title(_FILM_PATTERNS, number, seed, FILM_TITLE_COUNT)


def show_title(number: int, *, seed: int) -> str:
    """The title of generated show ``number``; different numbers give different titles below SHOW_TITLE_COUNT."""
    return _title(_SHOW_PATTERNS, number, seed, SHOW_TITLE_COUNT)


def _title(patterns: tuple[str, ...], number: int, seed: int, count: int) -> str:
    place_in_order = (number * _STRIDE + seed * 7_919) % count
    rest, pattern = divmod(place_in_order, len(patterns))
    place, noun = divmod(rest, len(NOUNS))
    adjective = ADJECTIVES[(place * 7 + noun * 3) % len(ADJECTIVES)]
    return patterns[pattern].format(noun=NOUNS[noun], place=PLACES[place], adjective=adjective)


def person_name(number: int) -> str:
    """The name of invented person ``number``; they come again after GIVEN_NAMES x FAMILY_NAMES."""
    family, given = divmod(number * 7, len(GIVEN_NAMES))
    return f"{GIVEN_NAMES[given]} {FAMILY_NAMES[family % len(FAMILY_NAMES)]}"
