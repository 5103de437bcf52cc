"""The settings of the connection."""

from __future__ import annotations

from singer_sdk import typing as th

from lead_connectors.plugin.common_settings import connection_settings


def test_the_connection_has_three_settings_with_types_and_defaults() -> None:
    properties = th.PropertiesList(*connection_settings("Acme", "https://api.acme.example")).to_dict()["properties"]
    assert {name: each["default"] for name, each in properties.items()} == {
        "api_url": "https://api.acme.example",
        "request_timeout": 60,
        "max_retry_seconds": 900,
    }
    assert properties["api_url"]["description"].startswith("Address of Acme's API")
    assert all(each["title"] and each["description"] for each in properties.values())
