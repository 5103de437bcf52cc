"""Addresses as users write them."""

from __future__ import annotations

import pytest

from lead_connectors.http.address import account_of, base_address


@pytest.mark.parametrize(
    ("given_url", "address"),
    [
        ("https://api.carecycle.ai", "https://api.carecycle.ai"),
        ("api.carecycle.ai/", "https://api.carecycle.ai"),
        (" https://api.carecycle.ai/v2/ ", "https://api.carecycle.ai"),
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("localhost:8765/v2", "http://localhost:8765"),
        ("https://proxy.example/carecycle", "https://proxy.example/carecycle"),
    ],
)
def test_addresses(given_url: str, address: str) -> None:
    assert base_address(given_url) == address


def test_an_account_is_host_and_key() -> None:
    assert account_of("https://api.carecycle.ai", "cc_1") == "api.carecycle.ai|cc_1"
