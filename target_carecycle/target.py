"""target-carecycle: settings and parts."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any, ClassVar

from singer_sdk import typing as th

from lead_connectors.delivery.settings import delivery_settings
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.rules import FieldMap
from lead_connectors.http.address import account_of
from lead_connectors.http.errors import DeniedError
from lead_connectors.http.session import ApiSession
from target_carecycle.custom_fields import (
    CUSTOM_FIELDS_PATH,
    CustomFields,
    check_keys,
    fetch_custom_fields,
    mapped_keys,
    maps_custom_fields,
    what_is_missing,
)
from target_carecycle.sink import CareCycleSink
from target_carecycle.upload_record import lead_fields
from target_carecycle.writer import CareCycleWriter

ROWS_A_CALL = 100
OPT_OUTS = ("doNotCall", "doNotSMS", "doNotEmail", "doNotMail")


class TargetCareCycle(DeliveryTarget):
    """Uploads Singer records to CareCycle as leads, which can start outreach: campaigns with a Lead Created entry."""

    name = "target-carecycle"
    package_name = "carecycle-leadsquared-connectors"
    default_sink_class = CareCycleSink

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "api_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="API key",
            description="Key from CareCycle's Developer Dashboard, begins with cc_.",
        ),
        th.Property(
            "default_country",
            th.StringType(min_length=2, max_length=2),
            default="US",
            title="Default country",
            description="Region (two letters) of phones without a country code.",
        ),
        *delivery_settings(
            vendor="CareCycle",
            api_url="https://api.carecycle.ai",
            most_rows=200,
            rows_help="100 unless set; at most 200, which newer accounts allow.",
            max_in_flight=4,
            rate_limit={"calls": 60, "seconds": 60},
            opt_out_fields=OPT_OUTS,
        ),
    ).to_dict()

    @property
    def account(self) -> str:
        """Host and key, as tap-carecycle counts, too."""
        return account_of(self.base_url, self.config["api_key"])

    @cached_property
    def writer(self) -> CareCycleWriter:
        """Uploads."""
        return CareCycleWriter(self.session, self.config.get("batch_size_rows") or ROWS_A_CALL, self.stopping)

    @cached_property
    def api_fields(self) -> ApiFields:
        """The fields of the upload, custom ones by the account's definitions where a map fills them."""
        mapped = maps_custom_fields(self.config.get("field_map"))
        return lead_fields(self.config["default_country"], self.custom_fields.definitions if mapped else {})

    @property
    def documented_fields(self) -> ApiFields:
        """The fields of the upload."""
        return lead_fields(self.config["default_country"])

    @cached_property
    def builtin_maps(self) -> BuiltinMaps:
        """See the folder `mappings`."""
        return load_builtin_maps("target_carecycle")

    @cached_property
    def custom_fields(self) -> CustomFields:
        """The account's custom fields, read once a run, where a map fills one."""
        return fetch_custom_fields(self.session)

    def held_against_account(self, field_map: FieldMap) -> FieldMap:
        """The map, its custom fields known to the account."""
        if mapped_keys(field_map):
            check_keys(field_map, self.custom_fields)
        for sentence in what_is_missing(field_map):
            self.say_once(logging.WARNING, sentence)
        return field_map

    def account_lines(self) -> list[str]:
        """What an upload sets going."""
        return [
            "An upload can start outreach: leads enter campaigns with a Lead Created entry, and calls and texts follow."
        ]

    def api_session(self) -> ApiSession:
        """Open the account's way to CareCycle; the key goes into the header only."""
        return ApiSession(
            "CareCycle",
            self.base_url,
            self.quota,
            headers={"x-api-key": self.config["api_key"]},
            timeout=self.config["request_timeout"],
            max_retry_seconds=self.config["max_retry_seconds"],
            advice={
                401: "Check api_key: it is shown once, in the Developer Dashboard under API Keys.",
                403: "The key lacks the permission to upload leads: add it in the Developer Dashboard.",
                404: "Check api_url.",
            },
            stopping=self.stopping,
        )

    def check_credentials(self) -> str | None:
        """Ask for one custom field: a key that may upload but not read them is good, too."""
        try:
            self.session.call("GET", CUSTOM_FIELDS_PATH, params={"page": "1", "limit": "1"})
        except DeniedError as error:
            if error.status != 403:  # noqa: PLR2004
                raise
        return None
