"""What hinders a preview before it has begun; what it tells stands in the tests of the command line."""

from __future__ import annotations

import pytest

from flows.preview import preview
from tasks.core.errors import Refused
from tasks.core.settings import Settings


@pytest.mark.parametrize("name", ["file", "file/data"])
def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path, name):
    """
    A file stands where the folder would be, or above it: one sentence with its name, and the file stays as it was.
    """
    (tmp_path / "videos").mkdir()
    (tmp_path / "file").write_text("mine")

    with pytest.raises(Refused, match=f"the data folder {tmp_path / name} cannot be written: "):
        preview([str(tmp_path / "videos")], Settings(data_dir=tmp_path / name))

    assert {"file", "videos"} == {path.name for path in tmp_path.iterdir()}
    assert "mine" == (tmp_path / "file").read_text()
