"""target-leadsquared: settings and parts."""

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
from lead_connectors.field_map.schema_paths import sentence
from lead_connectors.http.address import account_of
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from target_leadsquared.account import UNAUTHORIZED, ask_whose_keys, fetch_metadata
from target_leadsquared.attributes import AUTO, NONE, identifiers, lead_fields
from target_leadsquared.preflight import Wishes, hold_against_account
from target_leadsquared.sink import LeadSquaredSink
from target_leadsquared.writer import LEADS_A_CALL, LeadSquaredWriter, WriteSettings

OPT_OUTS = ("DoNotCall", "DoNotSMS", "DoNotEmail")
OFF, STRICT = "off", "strict"


class TargetLeadSquared(DeliveryTarget):
    """Writes Singer records to LeadSquared as leads: bulk create-or-update, bulk create, or one by one."""

    name = "target-leadsquared"
    package_name = "carecycle-leadsquared-connectors"
    default_sink_class = LeadSquaredSink

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "access_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Access key",
            description="AccessKey of an administrator, from My Account, Settings, API and Webhooks. It holds a $.",
        ),
        th.Property(
            "secret_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Secret key",
            description="SecretKey that belongs to the access key.",
        ),
        th.Property(
            "auth_in",
            th.StringType(allowed_values=["headers", "query"]),
            default="headers",
            title="Where the keys go",
            description="headers, or query for accounts that want the keys there.",
        ),
        th.Property(
            "write_mode",
            th.StringType(allowed_values=list(LEADS_A_CALL)),
            default="upsert",
            title="Write mode",
            description="upsert (Bulk/CreateOrUpdate, 25 leads a call), create (Bulk/Create, 50) or upsert_single "
            "(Lead.CreateOrUpdate, one).",
        ),
        th.Property(
            "post_updated_lead",
            th.BooleanType,
            default=False,
            title="Fire automations",
            description="With upsert_single: fires the account's automations on lead update.",
        ),
        th.Property(
            "search_by",
            th.StringType(min_length=1),
            default="auto",
            title="Search by",
            description="Lead field that identifies a lead. auto: mx_CareCycle_Id where the account has it as an "
            "identifier, else EmailAddress where the lead has one, else Phone. none leaves it to the API.",
        ),
        th.Property(
            "on_conflict",
            th.StringType(allowed_values=["reject", "leave_out", "overwrite"]),
            default="reject",
            title="Shared e-mail or phone",
            description="A lead whose e-mail or phone belongs to another lead (spouses): reject it, leave_out that "
            "field and send it once more, or overwrite where the ledger alone objects.",
        ),
        th.Property(
            "phone_format",
            th.StringType(allowed_values=["international", "e164", "as_is"]),
            default="international",
            title="Phone format",
            description="One spelling for writing and matching: international is +<cc>-<number>.",
        ),
        th.Property(
            "boolean_values",
            th.ArrayType(th.StringType),
            default=["true", "false"],
            title="Boolean values",
            description="How true and false are written.",
        ),
        th.Property(
            "preflight",
            th.StringType(allowed_values=["strict", "warn", "off"]),
            default="warn",
            title="Preflight",
            description="Mapped attributes are held against the account's lead fields before the first write.",
        ),
        th.Property(
            "default_country",
            th.StringType(min_length=2, max_length=2),
            default="US",
            title="Default country",
            description="Region (two letters) of phones without a country code.",
        ),
        *delivery_settings(
            vendor="LeadSquared",
            api_url="https://api.leadsquared.com",
            most_rows=max(LEADS_A_CALL.values()),
            rows_help="The call's limit unless set: 25 with upsert, 50 with create, one with upsert_single.",
            max_in_flight=16,
            rate_limit={"calls": 25, "seconds": 5},
            opt_out_fields=OPT_OUTS,
        ),
    ).to_dict()

    @property
    def account(self) -> str:
        """Host and access key."""
        return account_of(self.base_url, self.config["access_key"])

    @cached_property
    def writer(self) -> LeadSquaredWriter:
        """Writes in the mode of the settings."""
        leaves_out = self.config["on_conflict"] == "leave_out"
        return LeadSquaredWriter(self.session, self._batch_size, lambda: self.write_settings, leaves_out=leaves_out)

    @cached_property
    def write_settings(self) -> WriteSettings:
        """How leads are written."""
        return WriteSettings(
            write_mode=self.config["write_mode"],
            search_by=self.config["search_by"],
            identifiers=identifiers(self.metadata),
            post_updated_lead=self.config["post_updated_lead"],
            boolean_values=self.config["boolean_values"],
        )

    @cached_property
    def metadata(self) -> list[dict[str, Any]]:
        """The account's lead fields, read once a run; empty with `preflight: off`."""
        return [] if self.config["preflight"] == OFF else fetch_metadata(self.session)

    @cached_property
    def api_fields(self) -> ApiFields:
        """What is known of the lead fields."""
        return self._lead_fields(self.metadata)

    @property
    def documented_fields(self) -> ApiFields:
        """The lead fields that LeadSquared ships."""
        return self._lead_fields([])

    def _lead_fields(self, account: list[dict[str, Any]]) -> ApiFields:
        return lead_fields(
            phone_format=self.config["phone_format"],
            default_country=self.config["default_country"],
            account=account,
            unlisted="reject" if self.config["preflight"] == STRICT else "keep",
        )

    @cached_property
    def builtin_maps(self) -> BuiltinMaps:
        """See the folder `mappings`."""
        return load_builtin_maps("target_leadsquared")

    def check_settings(self) -> None:
        """Hold the settings against each other; see the base class."""
        values = self.config["boolean_values"]
        if len(values) != 2 or values[0] == values[1]:  # noqa: PLR2004
            msg = "boolean_values must be two different texts: the one for true, the one for false."
            raise SettingsError(msg)
        super().check_settings()

    def held_against_account(self, field_map: FieldMap) -> FieldMap:
        """The map less what the account lacks; what `preflight` makes of the rest."""
        wishes = Wishes(self.config["search_by"], self.config["opt_out_fields"], self.config["boolean_values"])
        found = hold_against_account(field_map, self.metadata, wishes)
        stops = found.stops + (found.problems if self.config["preflight"] == STRICT else [])
        if stops:
            raise SettingsError(" ".join(map(sentence, stops)))
        for text in (*found.warnings, *found.problems):
            self.say_once(logging.WARNING, sentence(text))
        for text in found.notes:
            self.say_once(logging.INFO, sentence(text))
        if taken := sorted(found.left_out - field_map.optional):
            self.say_once(logging.WARNING, f"Stream {field_map.stream}: not sent, see above: {', '.join(taken)}.")
        return field_map.without(found.left_out)

    def account_lines(self) -> list[str]:
        """How leads are written and found."""
        search_by = self.config["search_by"]
        if search_by == AUTO:
            search_by = "auto: the first of mx_CareCycle_Id (where it identifies), EmailAddress, Phone, Mobile"
        elif search_by == NONE:
            search_by = "none: by LeadSquared's own rule"
        lines = [
            f"Writing (write_mode): {self.config['write_mode']}; leads are found by (search_by): {search_by}",
            f"Preflight: {self.config['preflight']}",
        ]
        if self.metadata:
            known = ", ".join(sorted(self.write_settings.identifiers)) or "none"
            lines[1] += f"; the account has {len(self.metadata)} lead fields, identifying are {known}"
        return lines

    def api_session(self) -> ApiSession:
        """Open the account's way to LeadSquared."""
        access, secret = self.config["access_key"], self.config["secret_key"]
        in_query = self.config["auth_in"] == "query"
        return ApiSession(
            "LeadSquared",
            self.base_url,
            self.quota,
            headers={} if in_query else {"x-LSQ-AccessKey": access, "x-LSQ-SecretKey": secret},
            params={"accessKey": access, "secretKey": secret} if in_query else None,
            timeout=self.config["request_timeout"],
            max_retry_seconds=self.config["max_retry_seconds"],
            advice={
                UNAUTHORIZED: "Check access_key and secret_key (the $ in them must arrive intact) and that api_url is "
                "the account's regional host.",
                403: "The keys' user lacks the permission: use an administrator's keys.",
                404: "Check api_url: it is the account's API host, such as api.leadsquared.com.",
            },
            stopping=self.stopping,
        )

    def check_credentials(self) -> str | None:
        """Ask LeadSquared whose keys these are."""
        return ask_whose_keys(self.session)

    @property
    def _batch_size(self) -> int:
        most = LEADS_A_CALL[self.config["write_mode"]]
        size = self.config.get("batch_size_rows") or most
        if size > most:
            msg = f"batch_size_rows must be at most {most} with write_mode {self.config['write_mode']}."
            raise SettingsError(msg)
        return int(size)
