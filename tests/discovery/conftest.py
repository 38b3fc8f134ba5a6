from __future__ import annotations

import os

import pytest


@pytest.fixture
def permissions_hold(tmp_path_factory) -> None:
    """Skip where permissions mean nothing: for root, unless its capabilities were taken away."""
    folder = tmp_path_factory.mktemp("closed")
    folder.chmod(0)
    if os.access(folder, os.R_OK):
        pytest.skip("this user may read everything")
