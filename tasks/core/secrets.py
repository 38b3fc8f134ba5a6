"""Secrets: read from the environment or handed over by a flow; they never become a parameter, a row or a log line.

The flow may hand over what it read from a Prefect block (:func:`provide`), unless the variable is set and empty
(:func:`is_declined`). Nothing else below the flows reads the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import SecretStr

from tasks.core.errors import SettingsRefused

VARIABLES: Mapping[str, str] = MappingProxyType({"tmdb": "TMDB_TOKEN", "notify": "NOTIFY_URLS"})
"""Provider -> name of the environment variable that holds its token; ``notify`` -> that of the addresses to tell."""

WORDS: Mapping[str, str] = MappingProxyType({"tmdb": "Token for TMDB", "notify": "Addresses to tell how runs end"})
"""What the variables hold, for people."""

_provided: dict[str, SecretStr] = {}


def provide(provider: str, token: SecretStr | None) -> None:
    """Hand over a token that was read from a Prefect block; ``None`` takes it back."""
    if token is None:
        _provided.pop(provider, None)
    else:
        _provided[provider] = token


def is_declined(provider: str) -> bool:
    """Whether the variable for ``provider`` is set, and empty: there is to be no token, and no block is asked for one.

    White space counts as empty.
    """
    given = os.environ.get(VARIABLES[provider])
    return given is not None and not given.strip()


def token_of(provider: str) -> SecretStr | None:
    """The token for ``provider``, or ``None`` when there is none, or is to be none (:func:`is_declined`).

    Raises:
        SettingsRefused: the value has the form of TMDB's older v3 key, which travels in addresses; we only use the
            read access token, which travels in a header (https://developer.themoviedb.org/docs/authentication-application).
    """
    if is_declined(provider):
        return None
    variable = VARIABLES[provider]
    token = SecretStr(os.environ[variable].strip()) if variable in os.environ else _provided.get(provider)
    if token is None:
        return None
    if provider == "tmdb" and re.fullmatch(r"[0-9a-f]{32}", token.get_secret_value()):
        raise SettingsRefused(
            f"{variable} holds a TMDB v3 API key; reelhouse needs the longer 'API Read Access Token' "
            "from https://www.themoviedb.org/settings/api (it travels in a header, never in an address)"
        )
    return token


def notify_urls() -> tuple[SecretStr, ...]:
    """Addresses of those who are told how runs end, as Apprise writes them; they hold passwords and keys."""
    given = token_of("notify")
    return () if given is None else tuple(SecretStr(address) for address in given.get_secret_value().split())
