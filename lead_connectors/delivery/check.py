"""`--check`: credentials, settings and mapping checked against the account, and the mapping shown. No record is read.

Everything goes to stderr: stdout is for Singer messages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from lead_connectors.delivery.destination import Destination
from lead_connectors.field_map.build import MapBuilder
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.table import render
from lead_connectors.plugin.errors import SettingsError

START_SECONDS = 10.0
"""Seconds for which a check tries a host that does not respond: a person is waiting."""


def check_account(
    destination: Destination,
    *,
    name: str,
    config: Mapping[str, Any],
) -> None:
    """Show and check address, credentials and quota.

    Args:
        destination: The account.
        name: The target's name and version.
        config: Its settings.

    Raises:
        SettingsError: The API does not take the credentials.
    """
    _show(f"{name}: check; no record is read and none is sent")
    _show(f"Address (api_url): {destination.session.base_url}")
    destination.session.max_start_seconds = START_SECONDS
    owner = destination.check_credentials()
    _show(f"Credentials: good{f', the account of {owner}' if owner else ''}")
    limit = config["rate_limit"]
    a_day = f", {limit['calls_per_day']} a day" if limit.get("calls_per_day") else ""
    _show(
        f"Quota (rate_limit): {limit['calls']} calls in {limit['seconds']:g} s{a_day}; {destination.batch_size} "
        f"leads a call, at most {config['max_in_flight']} calls in flight"
    )
    for line in destination.describe_account():
        _show(line)


def check_maps(destination: Destination, maps: MapBuilder, fit: Callable[[FieldMap], FieldMap]) -> None:
    """Show and check the map of each stream that is known before any SCHEMA arrives.

    Args:
        destination: The account.
        maps: Builds the map of a stream, as in a run.
        fit: Takes out of a map what the account does not have, as in a run.

    Raises:
        SettingsError: What a person has to correct, of all streams at once.
    """
    problems = list(_show_maps(maps, fit))
    titles = " and ".join(builtin.title for builtin in destination.builtin_maps.by_schema)
    _show(
        "\nA stream of field_map is shown with the properties that its map names. Only its SCHEMA tells whether the "
        "tap has them, and which other properties are mapped by common names: try dry_run. Streams that neither "
        f"field_map nor streams names are skipped{f', except {titles}' if titles else ''}."
    )
    if problems:
        raise SettingsError(" ".join(dict.fromkeys(problems)))


def _show_maps(maps: MapBuilder, fit: Callable[[FieldMap], FieldMap]) -> Iterator[str]:
    """Show each map, and yield what is wrong with it."""
    for preview in maps.previews():
        try:
            table = render(fit(maps.build(preview.stream, preview.schema)))
        except SettingsError as error:
            yield str(error)
        else:
            _show(f"\n{preview.heading}\n{table}")


def _show(text: str) -> None:
    click.echo(text, err=True)
