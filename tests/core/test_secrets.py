"""Secrets: where they come from and where they do not go."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tasks.core import secrets
from tasks.core.errors import SettingsRefused
from tasks.core.settings import Settings


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("TMDB_TOKEN", raising=False)
    yield
    secrets.provide("tmdb", None)


def test_no_token_is_none(monkeypatch):
    """
    Nothing set, or only white space, is no token: the run goes on without.
    """
    assert secrets.token_of("tmdb") is None

    monkeypatch.setenv("TMDB_TOKEN", "  \n")
    assert secrets.token_of("tmdb") is None


def test_an_empty_variable_declines_what_a_block_holds(monkeypatch):
    """
    Set and empty, or only white space, means that there is to be none; not set means that a block may be asked.
    """
    secrets.provide("tmdb", SecretStr("from a block"))
    assert not secrets.is_declined("tmdb")

    for value in ("", " \n"):
        monkeypatch.setenv("TMDB_TOKEN", value)
        assert secrets.is_declined("tmdb")
        assert secrets.token_of("tmdb") is None

    monkeypatch.setenv("TMDB_TOKEN", "eyJ")
    assert not secrets.is_declined("tmdb")


def test_the_environment_holds_against_a_block(monkeypatch):
    """
    What a person exports for one run wins over what a Prefect block holds for all.
    """
    secrets.provide("tmdb", SecretStr("from a block"))
    assert "from a block" == secrets.token_of("tmdb").get_secret_value()

    monkeypatch.setenv("TMDB_TOKEN", " from the environment\n")
    assert "from the environment" == secrets.token_of("tmdb").get_secret_value()


def test_the_older_key_is_refused_without_repeating_it(monkeypatch):
    """
    TMDB's v3 key is 32 hexadecimal digits and travels in addresses; the message names the right one and hides this one.
    """
    key = "0123456789abcdef" * 2
    monkeypatch.setenv("TMDB_TOKEN", key)

    with pytest.raises(SettingsRefused, match="API Read Access Token") as caught:
        secrets.token_of("tmdb")

    assert key not in str(caught.value)


def test_a_token_does_not_print_itself(monkeypatch):
    """
    Neither text nor representation show it, and settings have no place for one.
    """
    monkeypatch.setenv("TMDB_TOKEN", "eyJsecret")
    token = secrets.token_of("tmdb")

    assert "eyJsecret" not in f"{token} {token!r} {[token]}"
    assert "eyJsecret" not in Settings().model_dump_json()
