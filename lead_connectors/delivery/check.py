"""`--check`: credentials, settings and mapping held against the account, and the mapping shown. No record is read.

Everything goes to stderr: stdout is for Singer messages alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lead_connectors.field_map.config import parse_map, parse_setting
from lead_connectors.field_map.table import render, streams_to_show
from lead_connectors.plugin.errors import SettingsError

if TYPE_CHECKING:
    from lead_connectors.delivery.target import DeliveryTarget


def check_target(target: DeliveryTarget) -> None:
    """Check a target's settings against its account.

    Args:
        target: With the settings to check.

    Raises:
        SettingsError: What a person has to mend, of all streams at once.
    """
    target.check_settings()
    _show(f"{target.name} {target.plugin_version}: check; no record is read and none is sent")
    _show(f"Address (api_url): {target.base_url}")
    owner = target.check_credentials()
    _show(f"Credentials: good{f', the account of {owner}' if owner else ''}")
    limit = target.config["rate_limit"]
    a_day = f", {limit['calls_per_day']} a day" if limit.get("calls_per_day") else ""
    _show(
        f"Quota (rate_limit): {limit['calls']} calls in {limit['seconds']:g} s{a_day}; {target.writer.batch_size} "
        f"leads a call, at most {target.config['max_in_flight']} calls under way"
    )
    for line in target.account_lines():
        _show(line)
    problems = _show_maps(target)
    if problems:
        raise SettingsError(" ".join(dict.fromkeys(problems)))
    target.logger.info("Check passed: nothing here stops a run.")


def _show_maps(target: DeliveryTarget) -> list[str]:
    api, maps = target.api_fields, target.builtin_maps
    setting = parse_setting(target.config.get("field_map"), api)
    problems = []
    builtin = {each.name: parse_map(f"the built-in map {each.name}", each.fields, api) for each in maps.recognised}
    for heading, stream, schema in streams_to_show(setting, builtin, maps):
        try:
            field_map = target.field_map(stream, schema, log_unmapped=False)
        except SettingsError as error:
            problems.append(str(error))
        else:
            _show(f"\n{heading}\n{render(field_map.rows())}")
    _show(
        "\nA stream of field_map is shown with the properties that its map names; whether the tap has them, and which "
        "others are mapped by their common names, shows with its SCHEMA: try dry_run. Streams that neither field_map "
        "nor streams names are skipped, but for CareCycle customers."
    )
    return problems


def _show(text: str) -> None:
    click.echo(text, err=True)
