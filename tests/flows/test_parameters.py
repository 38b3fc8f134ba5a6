"""Where settings come from, and which of two holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.parameters import load
from tasks.core.errors import SettingsRefused
from tasks.core.settings import Room, Settings


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path, monkeypatch):
    """No settings file in the working directory, and none of ours in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("REELHOUSE_CONFIG", "REELHOUSE_DATA_DIR", "REELHOUSE_SCRAPE__LANGUAGE"):
        monkeypatch.delenv(name, raising=False)


def a_file(text: str, name: str = "reelhouse.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def whence(name: str, **kwargs: object) -> tuple[object, str]:
    (origin,) = [origin for origin in load(**kwargs).origins if origin.name == name]
    return origin.value, origin.whence


def test_without_anything_the_defaults_hold():
    """
    Every setting is its default and says so; only the data folder is worked out.
    """
    loaded = load()

    assert Settings(data_dir=loaded.settings.data_dir) == loaded.settings
    assert {"default"} == {origin.whence for origin in loaded.origins}


def test_every_setting_has_an_origin_and_words():
    """
    As many as the models have leaves, each with what it does.
    """

    def leaves_of(model: type[Room]) -> int:
        types = [field.annotation for field in model.model_fields.values()]
        return sum(leaves_of(kind) if isinstance(kind, type) and issubclass(kind, Room) else 1 for kind in types)

    origins = load().origins

    assert leaves_of(Settings) == len(origins) == len({origin.name for origin in origins})
    assert all(origin.words for origin in origins)


def test_the_later_layer_holds(monkeypatch):
    """
    File, environment, command line: each is over the ones before, setting by setting.
    """
    a_file('[scrape]\nlanguage = "de-DE"\ncountry = "DE"\nconnections = 3\n')
    monkeypatch.setenv("REELHOUSE_SCRAPE__LANGUAGE", "fr-FR")
    monkeypatch.setenv("REELHOUSE_SCRAPE__CONNECTIONS", "4")
    given = {"assignments": ["scrape.connections=5"]}

    scrape = load(**given).settings.scrape

    assert ("DE", "fr-FR", 5) == (scrape.country, scrape.language, scrape.connections)
    assert ("DE", str(Path.cwd() / "reelhouse.toml")) == whence("scrape.country", **given)
    assert ("fr-FR", "REELHOUSE_SCRAPE__LANGUAGE") == whence("scrape.language", **given)
    assert (5, "command line") == whence("scrape.connections", **given)


def test_an_option_that_is_not_given_changes_nothing():
    """
    ``None`` is no value; an option that is given is part of the command line, so it goes before the file.
    """
    a_file('[scrape]\nlanguage = "de-DE"\n')

    assert "de-DE" == load(overrides={"scrape.language": None}).settings.scrape.language
    assert "it" == load(overrides={"scrape.language": "it"}).settings.scrape.language


@pytest.mark.parametrize(
    ("assignment", "name", "expected"),
    [
        ("scrape.language=de-DE", "scrape.language", "de-DE"),
        ("artwork.enabled=false", "artwork.enabled", False),
        ("probe.deadline_s=2.5", "probe.deadline_s", 2.5),
        ('discovery.extensions=[".mkv"]', "discovery.extensions", (".mkv",)),
        ("scrape.base_url=http://a.example/?x=1", "scrape.base_url", "http://a.example/?x=1"),
    ],
)
def test_set_reads_values_as_they_are_meant(assignment, name, expected):
    """
    JSON where it is JSON, else text; only the first equals sign parts name and value.
    """
    assert (expected, "command line") == whence(name, assignments=[assignment])


def test_paths_in_a_file_are_relative_to_the_file(tmp_path):
    """
    A settings file can lie beside the data it names, wherever the command runs.
    """
    config = a_file('data_dir = "films"\n', "elsewhere/mine.toml")

    assert tmp_path / "elsewhere" / "films" == load(config=config).settings.data_dir


def test_paths_on_the_command_line_are_relative_to_where_it_runs(tmp_path):
    """
    As in every other program.
    """
    config = a_file('data_dir = "films"\n', "elsewhere/mine.toml")

    assert tmp_path / "shows" == load(config=config, overrides={"data_dir": "shows"}).settings.data_dir


def test_the_environment_can_name_the_file(monkeypatch):
    """
    ``REELHOUSE_CONFIG`` goes before a file in the working directory, ``--config`` before both.
    """
    a_file("[probe]\nworkers = 1\n")
    monkeypatch.setenv("REELHOUSE_CONFIG", str(a_file("[probe]\nworkers = 2\n", "two.toml")))
    three = a_file("[probe]\nworkers = 3\n", "three.toml")

    assert (2, 3) == (load().settings.probe.workers, load(config=three).settings.probe.workers)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[scrape\n", "reelhouse.toml"),
        ("[scrape]\nlanguge = 'de'\n", "scrape.languge"),
        ("[scrpe]\nlanguage = 'de'\n", "scrpe"),
        ("[probe]\nworkers = 0\n", "probe.workers"),
        ("probe = 3\n", "probe"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(text, named):
    """
    Broken TOML, unknown names and impossible values: the message names the setting and the file.
    """
    a_file(text)

    with pytest.raises(SettingsRefused) as caught:
        load()

    assert named in str(caught.value)
    assert "reelhouse.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_refused():
    """
    A name that was given is meant; it is not passed over.
    """
    with pytest.raises(SettingsRefused, match=r"there is no settings file .*mine\.toml"):
        load(config=Path("mine.toml"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REELHOUSE_SCRAPPE__LANGUAGE", "de"),
        ("REELHOUSE_SCRAPE_LANGUAGE", "de"),
        ("REELHOUSE_SCRAPE__LANGUGE", "de"),
        ("REELHOUSE_SCRAPE__LANGUAGE", "German"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(monkeypatch, name, value):
    """
    A misspelled variable would have no effect, and nobody would notice.
    """
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsRefused, match=r"environment"):
        load()


@pytest.mark.parametrize("assignment", ["scrape.languge=de", "languge=de", "x.y=1", "scrape.language", "=1"])
def test_an_assignment_that_cannot_be_used_is_refused(assignment):
    """
    Unknown names and missing values; the message says that it was the command line.
    """
    with pytest.raises(SettingsRefused, match=r"command line|--set"):
        load(assignments=[assignment])
