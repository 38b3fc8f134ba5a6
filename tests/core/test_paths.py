"""Paths survive every form they travel in."""

from __future__ import annotations

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from tasks.core.paths import as_parameter, as_text, from_parameter

NAMES = st.binary(min_size=1).filter(lambda b: b"/" not in b and b"\0" not in b and b not in (b".", b".."))


@given(NAMES)
def test_a_root_of_any_bytes_survives_as_a_flow_parameter(name):
    """
    Parameters of a flow are JSON, which has no place for bytes that are no UTF-8; the path comes back whole.
    """
    parameter = json.loads(json.dumps(as_parameter(os.fsdecode(b"/videos/" + name)).encode().decode()))

    assert b"/videos/" + name == from_parameter(parameter)


@given(st.binary())
def test_the_form_for_people_is_always_text(path):
    """
    Any bytes become text that a database, a terminal and JSON can take.
    """
    as_text(path).encode("utf-8")
