"""The documentation says everything that the definitions say."""

from __future__ import annotations

import pytest

from tasks import schema
from tasks.schema.docs import as_markdown
from tasks.schema.views import views


@pytest.mark.parametrize("table", schema.warehouse_tables(), ids=lambda t: t.table_name())
def test_every_table_and_column_is_documented(table):
    """
    Each table has its heading and its key, each column a line with type, unit, null and words.
    """
    text = as_markdown([table], [])

    assert f"## {table.table_name()}\n" in text
    assert f"One row for each {', '.join(f'`{name}`' for name in table.key())}." in text
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert [c.name for c in table.columns()] == [line.split(" | ")[0].removeprefix("| ") for line in lines]


@pytest.mark.parametrize("table", schema.tables(), ids=lambda t: t.table_name())
def test_every_table_and_column_has_words(table):
    """
    Nothing is in a table without a sentence that says what it is.
    """
    assert table.__doc__
    assert [] == [c.name for c in table.columns() if len(c.words) < 3]


@pytest.mark.parametrize("table", [t for t in schema.tables() if t.part_of()], ids=lambda t: t.table_name())
def test_a_part_has_the_key_of_its_owner(table):
    """
    Parts are replaced by their owner's key, so they carry it, under the same names and types.
    """
    owner = schema.table(table.part_of())

    shared = {name: table.dtypes().get(name) for name in owner.key()}

    assert {name: owner.dtypes()[name] for name in owner.key()} == shared
    assert owner.part_of() is None


def test_the_line_of_a_column():
    """
    Type, unit, null and words of one column, read off its definition by eye.
    """
    text = as_markdown([schema.table("probes")], [])

    assert "| duration_s | DOUBLE | s | yes | Playing time of the container. |" in text
    assert "| playable | BOOLEAN |  | no | It opens, has a video stream and a known length. |" in text


def test_the_whole_has_tables_and_views():
    """
    What `reelhouse schema` prints: all tables of the warehouse, no staged ones, all views.
    """
    headings = [line.removeprefix("## ") for line in as_markdown().splitlines() if line.startswith("## ")]

    assert [*(t.table_name() for t in schema.warehouse_tables()), *(v.name for v in views())] == headings
