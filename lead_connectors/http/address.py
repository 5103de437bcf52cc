"""The address of an API as users write it, and the account name that processes share a quota by (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lead_connectors.plugin.errors import SettingsError

LOOPBACK = ("localhost", "127.", "[::1]")
API_PATH = re.compile(r"/v2(/.*)?$")


def base_address(api_url: str) -> str:
    """Return the API's address without its own path.

    Args:
        api_url: With or without a scheme, and with or without the API's path.

    Returns:
        Scheme, host and any path before ``/v2``, without a trailing slash.
    """
    text = api_url.strip()
    if "://" not in text:
        text = f"{'http' if text.startswith(LOOPBACK) else 'https'}://{text}"
    return API_PATH.sub("", text.rstrip("/")).rstrip("/")


def check_address(address: str) -> None:
    """Check that an address can be called and holds no user name, query or fragment.

    Raises:
        SettingsError: The address is invalid. The message names `api_url`.
    """
    try:
        parts = urlsplit(address)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        is_valid = is_valid and "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:
        is_valid = False
    if not is_valid:
        msg = "api_url must be an address such as https://api.example.com"
        raise SettingsError(msg)


def address_problems(config: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the setting `api_url`, as `ConnectorPlugin.value_problems` does."""
    try:
        check_address(base_address(config["api_url"]))
    except SettingsError as error:
        return [f"{error}."]
    return []


def account_of(address: str, key: str) -> str:
    """Return the name of the account that an API counts calls by.

    A tap and a target with the same address and key get the same name, and so share the account's quota.

    Raises:
        SettingsError: The address is invalid.
    """
    check_address(address)
    return f"{urlsplit(address).netloc}|{key}"
