"""Choose texts by language from what TMDB appends as ``translations``; no second call for another language is made.

The wanted language comes first, as ``pt-BR``, then any ``pt``, then English, then the title's own language.
"""

from __future__ import annotations

from typing import Any

from tasks.providers.json_values import mapping, objects, text


class Texts:
    """The texts of one answer.

    Args:
        document: a movie, show or collection with ``translations`` appended.
        language: the language it was asked in, as ``pt-BR`` or ``pt``.
        field: where the answer holds its title: ``title``, ``name`` for shows and collections.
        translated_field: where a translation holds it: ``title``, ``name`` for shows.
    """

    def __init__(self, document: dict[str, Any], *, language: str, field: str, translated_field: str) -> None:
        self._document = document
        self._given = text(document.get(field))
        self._original_title = text(document.get(f"original_{field}"))
        self._original = text(document.get("original_language"))
        self._translated_field = translated_field
        self._wanted, _, country = language.partition("-")
        entries = [
            (text(entry.get("iso_639_1")), text(entry.get("iso_3166_1")), mapping(entry.get("data")))
            for entry in objects(mapping(document.get("translations")).get("translations"))
        ]
        self._translations = [
            (code, data)
            for wanted, region in (
                (self._wanted, country),
                (self._wanted, None),
                ("en", "US"),
                ("en", None),
                (self._original, None),
            )
            for code, place, data in entries
            if code is not None and code == wanted and region in (None, place)
        ]

    def title(self) -> str | None:
        """The title: translated, as TMDB gives it, English, or the original one, whichever comes first.

        TMDB leaves the title of a translation blank where it is the original title, and gives the original title where
        there is no translation.
        """
        candidates = [
            *self._translated_titles(self._wanted),
            self._original_title if self._original == self._wanted else None,
            self._given if self._given != self._original_title else None,
            *self._translated_titles("en"),
            self._original_title,
            self._given,
        ]
        return next((title for title in candidates if title), None)

    def prose(self) -> tuple[str | None, str | None, str | None]:
        """Overview, tagline and their language: the first language that has an overview, or else a tagline."""
        sources = self._translations
        if all(code != self._wanted for code, _ in sources) and not self._is_a_translation():
            sources = [(self._wanted, self._document), *sources]
        for field in ("overview", "tagline"):
            for code, data in sources:
                if text(data.get(field)):
                    return text(data.get("overview")), text(data.get("tagline")), code
        return None, None, None

    def _translated_titles(self, wanted: str) -> list[str | None]:
        return [text(data.get(self._translated_field)) for code, data in self._translations if code == wanted]

    def _is_a_translation(self) -> bool:
        """Whether the answer's own overview is that of a translation, so of another language than was asked for."""
        overview = text(self._document.get("overview"))
        return overview is not None and any(text(data.get("overview")) == overview for _, data in self._translations)
