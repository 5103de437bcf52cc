"""`--check`: credentials, settings and mapping checked against the account, and the mapping shown. No record is read.

Everything goes to stderr: stdout is for Singer messages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from lead_connectors.delivery.destination import Destination
from lead_connectors.field_map.build import MapSettings
from lead_connectors.field_map.config import parse_map, parse_setting
from lead_connectors.field_map.rules import FieldMap
from lead_connectors.field_map.table import render, streams_to_show
from lead_connectors.plugin.errors import SettingsError


def check_account(
    destination: Destination,
    *,
    name: str,
    config: Mapping[str, Any],
    map_settings: MapSettings,
    field_map: Callable[[str, dict[str, Any]], FieldMap],
) -> None:
    """Check a target's settings against its account, and show what was found.

    Args:
        destination: The account.
        name: The target's name and version.
        config: Its settings.
        map_settings: The settings that a map depends on.
        field_map: Builds a stream's map as a run does.

    Raises:
        SettingsError: What a person has to correct, of all streams at once.
    """
    _show(f"{name}: check; no record is read and none is sent")
    _show(f"Address (api_url): {destination.session.base_url}")
    owner = destination.check_credentials()
    _show(f"Credentials: good{f', the account of {owner}' if owner else ''}")
    limit = config["rate_limit"]
    a_day = f", {limit['calls_per_day']} a day" if limit.get("calls_per_day") else ""
    _show(
        f"Quota (rate_limit): {limit['calls']} calls in {limit['seconds']:g} s{a_day}; {destination.batch_size} "
        f"leads a call, at most {config['max_in_flight']} calls under way"
    )
    for line in destination.describe_account():
        _show(line)
    problems = list(_show_maps(destination, map_settings, field_map))
    if problems:
        raise SettingsError(" ".join(dict.fromkeys(problems)))


def _show_maps(
    destination: Destination, settings: MapSettings, field_map: Callable[[str, dict[str, Any]], FieldMap]
) -> Iterator[str]:
    api, maps = destination.api_fields, destination.builtin_maps
    setting = parse_setting(settings.field_map, api)
    builtin = {each.name: parse_map(f"the built-in map {each.name}", each.fields, api) for each in maps.recognised}
    for heading, stream, schema in streams_to_show(setting, builtin, maps):
        try:
            rows = field_map(stream, schema).rows()
        except SettingsError as error:
            yield str(error)
        else:
            _show(f"\n{heading}\n{render(rows)}")
    _show(
        "\nA stream of field_map is shown with the properties that its map names. Only its SCHEMA tells whether the "
        "tap has them, and which other properties are mapped by common names: try dry_run. Streams that neither "
        "field_map nor streams names are skipped, unless a built-in map recognises them."
    )


def _show(text: str) -> None:
    click.echo(text, err=True)
