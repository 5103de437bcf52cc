"""An API's address as users write it, and the name by which processes share an account's quota (pure)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lead_connectors.plugin.errors import SettingsError

LOOPBACK = ("localhost", "127.", "[::1]")
VERSION = re.compile(r"/v2(/.*)?$")


def base_address(api_url: str) -> str:
    """The API's address as it was meant.

    Args:
        api_url: With or without a scheme, and with or without the API's own path.

    Returns:
        Scheme, host and what stands before ``/v2``, without a trailing slash.
    """
    text = api_url.strip()
    if "://" not in text:
        text = f"{'http' if text.startswith(LOOPBACK) else 'https'}://{text}"
    return VERSION.sub("", text.rstrip("/")).rstrip("/")


def check_address(address: str) -> None:
    """Refuse an address that cannot be called, or that holds what does not belong there.

    Raises:
        SettingsError: It names `api_url`.
    """
    try:
        parts = urlsplit(address)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        good = good and "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:
        good = False
    if not good:
        msg = "api_url must be an address such as https://api.example.com"
        raise SettingsError(msg)


def account_of(address: str, key: str) -> str:
    """What an API counts calls by: tap and target of one account name it alike, and so share its quota."""
    return f"{urlsplit(address).netloc}|{key}"
