"""What a person may set, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.core.settings import ScrapeSettings


@pytest.mark.parametrize("address", ["api.example.org/3", "ftp://example.org", "http://", "http://a b/3", ""])
def test_an_address_that_cannot_be_asked_is_refused(address):
    """
    It is refused before the run begins, not by every request of it.
    """
    with pytest.raises(ValidationError, match="base_url"):
        ScrapeSettings(base_url=address)


@pytest.mark.parametrize(
    "address", ["https://api.example.org/3", "http://127.0.0.1:8080/3", "http://[::1]:80", "http://a"]
)
def test_an_address_of_any_host_will_do(address):
    """
    A stand-in or a proxy may run anywhere.
    """
    assert address == ScrapeSettings(base_url=address).base_url
