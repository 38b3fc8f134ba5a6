"""Where settings come from: defaults, then ``reelhouse.toml``, the environment, the command line; the last one holds.

Environment variables are ``REELHOUSE_`` and the path of the setting with two underscores between its parts:
``REELHOUSE_SCRAPE__LANGUAGE=de-DE``. On the command line: ``--set scrape.language=de-DE``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from tasks.core.errors import SettingsRefused
from tasks.core.settings import Room, Settings

CONFIG_NAME = "reelhouse.toml"
PREFIX = "REELHOUSE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
PROJECT = Path(__file__).parents[1]


class _Environment(BaseSettings, Settings):
    """Tells pydantic-settings which variables to look for."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore")


@dataclass(frozen=True)
class Origin:
    """One setting, the value that holds, and whence it comes."""

    name: str
    """Path of the setting: ``scrape.language``."""
    value: Any
    whence: str
    """``default``, the file, the environment variable, or ``command line``."""
    words: str
    """What the setting does."""


@dataclass(frozen=True)
class Loaded:
    """The settings that hold."""

    settings: Settings
    origins: tuple[Origin, ...]
    config_file: Path | None


def load(
    *,
    config: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Loaded:
    """Put the settings together.

    Args:
        config: file to read instead of ``REELHOUSE_CONFIG`` or ``reelhouse.toml`` in this folder.
        assignments: ``name=value`` as given with ``--set``; values are read as JSON where they are JSON.
        overrides: values of the command line's own options, by path; ``None`` means not given.

    Raises:
        SettingsRefused: a file cannot be read, a name is unknown, or a value cannot be used.
    """
    path = _config_file(config)
    layers = [
        (str(path), _read_toml(path)) if path else ("", {}),
        ("environment", _from_environment()),
        ("command line", _from_command_line(assignments, overrides or {})),
    ]
    merged: dict[str, Any] = {}
    whence: dict[str, str] = {}
    for name, values in layers:
        merged = _merged(merged, values)
        whence |= {leaf: name for leaf, _ in _leaves(values)}
    if "data_dir" in merged:
        base = path.parent if path and whence["data_dir"] == str(path) else Path.cwd()
        merged["data_dir"] = base / Path(str(merged["data_dir"])).expanduser()
    else:
        merged["data_dir"] = _default_data_dir()
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as exc:
        raise SettingsRefused(_explain(exc, whence)) from exc
    return Loaded(settings, tuple(_origins(settings, whence)), path)


def _config_file(given: Path | None) -> Path | None:
    named = given or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise SettingsRefused(f"there is no settings file {named}")
        return named.resolve()
    here = Path.cwd() / CONFIG_NAME
    return here if here.is_file() else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsRefused(f"{path} cannot be read: {exc}") from exc


def _from_environment() -> dict[str, Any]:
    values: dict[str, Any] = EnvSettingsSource(_Environment)()
    read = {PREFIX + leaf.upper().replace(".", "__") for leaf, _ in _leaves(values)} | {CONFIG_VARIABLE}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in read)
    if unknown:
        raise SettingsRefused(f"the environment sets {', '.join(unknown)}, but there is no such setting")
    return values


def _from_command_line(assignments: Sequence[str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if value is not None:
            values = _merged(values, _nested(name, value))
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsRefused(f"--set takes name=value, as --set scrape.language=de-DE; got {assignment!r}")
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            value = text
        values = _merged(values, _nested(name.strip(), value))
    return values


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with the values of ``above`` laid over it, table by table."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _default_data_dir() -> Path:
    """``data/library`` in the checkout, or under the user's data folder where the program was installed elsewhere."""
    if (PROJECT / "pyproject.toml").is_file():
        return PROJECT / "data" / "library"
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "reelhouse" / "library"


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _origins(model: Room, whence: Mapping[str, str], prefix: str = "") -> Iterator[Origin]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        path = f"{prefix}{name}"
        if isinstance(value, Room):
            yield from _origins(value, whence, f"{path}.")
            continue
        source = whence.get(path, "default")
        if source == "environment":
            source = PREFIX + path.upper().replace(".", "__")
        yield Origin(path, value, source, field.description or "")


def _explain(error: ValidationError, whence: Mapping[str, str]) -> str:
    lines = []
    for fault in error.errors():
        name = ".".join(str(part) for part in fault["loc"])
        source = next(
            (w for leaf, w in whence.items() if f"{leaf}.".startswith(f"{name}.") or name.startswith(leaf)), ""
        )
        remedy = "; `reelhouse config` lists all names" if fault["type"] == "extra_forbidden" else ""
        words = "there is no such setting" if fault["type"] == "extra_forbidden" else fault["msg"]
        lines.append(f"setting {name}{f' ({source})' if source else ''}: {words}{remedy}")
    return "\n".join(lines)
