"""The arrow of the house: notebooks -> flows -> <room>/task.py -> <room>/*.py -> http, schema -> core."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = sorted(p.relative_to(PROJECT) for folder in ("tasks", "flows") for p in (PROJECT / folder).rglob("*.py"))
CORE_MAY_IMPORT = {"tasks.core"}
BASE = ("tasks.core", "tasks.schema", "tasks.http", "tasks.staging", "tasks.providers")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((PROJECT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            is_root = node.module in {"tasks", "flows"}
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if is_root else {node.module or ""}
    return found


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_only_flows_and_step_import_prefect(path):
    """
    Rooms work without Prefect: it stands in the flows and in tasks/step.py only.
    """
    uses_prefect = any(name.split(".")[0] == "prefect" for name in imported(path))

    assert not uses_prefect or path.parts[0] == "flows" or path == Path("tasks/step.py")


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[0] == "tasks"], ids=str)
def test_tasks_do_not_import_flows(path):
    """
    Nothing imports what stands above it.
    """
    assert not [name for name in imported(path) if name.split(".")[0] == "flows"]


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[0] == "tasks" and len(p.parts) > 2], ids=str)
def test_rooms_do_not_import_rooms(path):
    """
    A room knows itself, the base below it, and, in its door, tasks.step.
    """
    own = room(".".join(path.with_suffix("").parts))
    allowed = {own, *BASE} if path.name != "task.py" else {own, *BASE, "tasks.step"}
    if own == "tasks.core":
        allowed = CORE_MAY_IMPORT

    foreign = {n for n in imported(path) if n.split(".")[0] == "tasks" and room(n) not in allowed}

    assert set() == foreign


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parts[:2] == ("tasks", "core")], ids=str)
def test_core_stands_on_the_standard_library_and_pydantic(path):
    """
    Core can be imported anywhere in no time: it needs no data library.
    """
    heavy = {"polars", "duckdb", "pyarrow", "pandera", "httpx", "av", "PIL", "rich"}

    assert not [name for name in imported(path) if name.split(".")[0] in heavy]


def test_no_rooms_without_a_purpose():
    """
    There is no utils, helpers or common: files are named after what they do.
    """
    assert not [p for p in SOURCES if p.stem in {"utils", "helpers", "common", "misc"}]
