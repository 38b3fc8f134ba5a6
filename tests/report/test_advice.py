"""Whatever stands in a row of a run that is not done, there are words for it, and for what to do."""

from __future__ import annotations

import pytest

from tasks.core import errors
from tasks.core.errors import ItemError, RefreshError, Transient
from tasks.report.advice import ADVICE, RETRY, advice_on_failure, advice_on_quarantine
from tasks.report.items import failed_items, set_aside_items
from tasks.schema import warehouse_tables

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RefreshError)]
OF_ITEMS = [kind for kind in KINDS if issubclass(kind, ItemError) and kind is not ItemError]
OF_GROUPS = [errors.StorageFull, errors.StorageNotWritable, errors.KeyRefused, errors.BatchAbandoned]


@pytest.mark.parametrize("kind", [*OF_ITEMS, *OF_GROUPS], ids=lambda kind: kind.__name__)
def test_every_error_of_an_item_has_its_own_words(kind):
    """
    Each error class that can stand in a row says what it means, what to do, and when it is tried again.
    """
    advice = ADVICE[kind.__name__]

    assert advice.meaning and advice.step and advice.again


def test_no_words_for_errors_that_are_not():
    """
    An error that is renamed or removed takes its words along.
    """
    assert set() == ADVICE.keys() - {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", [*OF_ITEMS, *OF_GROUPS], ids=lambda kind: kind.__name__)
def test_a_retry_is_promised_where_it_helps(kind):
    """
    A retry of the run tries exactly the transient failures again; nothing else says that it does.
    """
    assert issubclass(kind, Transient) == (RETRY == ADVICE[kind.__name__].again)


@pytest.mark.parametrize("refused_by", ["identify", "match", *(table.table_name() for table in warehouse_tables())])
def test_what_is_set_aside_without_an_error_has_words_too(refused_by):
    """
    Stages set items aside, and checks of tables refuse rows, without an error class.
    """
    advice = advice_on_quarantine(None, refused_by=refused_by)

    assert advice.meaning and advice.step and advice.again


@pytest.mark.parametrize(("is_transient", "expected"), [(True, True), (False, False)])
def test_a_cause_of_another_version_is_no_error(is_transient, expected):
    """
    Records outlive the program that wrote them: for a cause that is not known what counts is whether it may pass.
    """
    assert expected == (RETRY == advice_on_failure("OfTheFuture", is_transient=is_transient).again)


def test_records_of_earlier_versions_have_no_cause_in_quarantine():
    """
    What the record does not say stays unknown.
    """
    (item,) = set_aside_items({"quarantine": [{"refused_by": "probe", "row_key": "k", "item": None, "reason": "r"}]})

    assert ("k", None, None) == (item.item, item.cause, item.attempts)


def test_what_may_pass_stands_first():
    """
    The order is: what a retry helps, the rest; stage, item. A run without failures has none.
    """
    row = {"item_id": "i", "cause": "ReadFailed", "reason": "r", "attempts": 3}
    rows = [
        row | {"stage": "probe", "item": "c", "is_transient": False},
        row | {"stage": "probe", "item": "b", "is_transient": True},
        row | {"stage": "match", "item": "d", "is_transient": True},
        row | {"stage": "probe", "item": "a", "is_transient": True},
    ]

    assert ["d", "a", "b", "c"] == [item.item for item in failed_items({"failures": rows})]
    assert [] == failed_items({})
