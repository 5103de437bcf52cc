"""`--check`: credentials, settings and mapping checked against the account, and the mapping shown. No record is read.

Everything goes to stderr: stdout is for Singer messages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import click

from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.stream_selection import StreamSelection
from lead_connectors.field_map.build import MapBuilder, Preview
from lead_connectors.field_map.config import ANY_STREAM
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


def check_maps(
    destination: Destination,
    maps: MapBuilder,
    fit: Callable[[FieldMap], FieldMap],
    selection: StreamSelection,
) -> None:
    """Show and check the map of each stream that is known before any SCHEMA arrives.

    Args:
        destination: The account.
        maps: Builds the map of a stream, as in a run.
        fit: Takes out of a map what the account does not have, as in a run.
        selection: Which streams become leads, as in a run.

    Raises:
        SettingsError: What a person has to correct, of all streams at once.
    """
    previews = maps.previews()
    problems = list(_show_maps([each for each in previews if _is_delivered(each.stream, selection)], maps, fit))
    for preview in previews:
        if not _is_delivered(preview.stream, selection):
            _show(f"\n{preview.heading}: not delivered, for streams leaves {preview.stream} out.")
    shown = {preview.stream for preview in previews}
    for name in selection.patterns or ():
        if name not in shown and not set(name) & set("*?["):
            _show(f"\nStream {name}: mapped by common names, which only its SCHEMA tells.")
    if selection.patterns is None:
        titles = " and ".join(builtin.title for builtin in destination.builtin_maps.by_schema)
        others = (
            f"Streams that neither field_map nor streams names are skipped{f', except {titles}' if titles else ''}."
        )
    else:
        others = "Streams that streams does not name are skipped."
    _show(
        "\nA stream of field_map is shown with the properties that its map names. Only a run tells whether the tap has "
        "a stream of that name, whether it has these properties, and which others are mapped by common names: try "
        f"dry_run. {others}"
    )
    if problems:
        raise SettingsError(" ".join(dict.fromkeys(problems)))


def _is_delivered(stream: str, selection: StreamSelection) -> bool:
    return stream == ANY_STREAM or selection.is_listed(stream)


def _show_maps(previews: Iterable[Preview], maps: MapBuilder, fit: Callable[[FieldMap], FieldMap]) -> Iterator[str]:
    """Show each map, and yield what is wrong with it."""
    for preview in previews:
        try:
            field_map = fit(maps.build(preview.stream, preview.schema))
        except SettingsError as error:
            yield str(error)
        else:
            by_common_name = [
                rule.field
                for rule in field_map.rules
                if rule.paths and all(path[0] in preview.common for path in rule.paths)
            ]
            _show(f"\n{preview.heading}\n{render(field_map.without(by_common_name))}")


def _show(text: str) -> None:
    click.echo(text, err=True)
