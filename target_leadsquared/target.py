"""target-leadsquared: settings and parts."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from singer_sdk import typing as th

from api_session.errors import DeniedError, SettingsError
from api_session.session import ApiSession
from lead_delivery.builtin_maps import BuiltinMaps, load_builtin_maps
from lead_delivery.field_map import ApiFields
from lead_delivery.mapping import FieldMap
from lead_delivery.settings import delivery_settings
from lead_delivery.target import DeliveryTarget
from target_leadsquared.attributes import identifiers, lead_fields
from target_leadsquared.preflight import USER_BY_KEY, fetch_metadata, fit_to_account, right_host
from target_leadsquared.sink import LeadSquaredSink
from target_leadsquared.writer import LEADS_A_CALL, LeadSquaredWriter, WriteSettings

OPT_OUTS = ("DoNotCall", "DoNotSMS", "DoNotEmail")
UNAUTHORIZED = 401


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
        return f"{urlsplit(self.base_url).netloc}|{self.config['access_key']}"

    @cached_property
    def writer(self) -> LeadSquaredWriter:
        """Writes in the mode of the settings."""
        leaves_out = self.config["on_conflict"] == "leave_out"
        return LeadSquaredWriter(self.session, self._batch_size, lambda: self.write_settings, leaves_out=leaves_out)

    @cached_property
    def write_settings(self) -> WriteSettings:
        """How leads are written."""
        values = self.config["boolean_values"]
        if len(values) != 2 or values[0] == values[1]:  # noqa: PLR2004
            msg = "boolean_values must be two different texts: the one for true, the one for false."
            raise SettingsError(msg)
        return WriteSettings(
            write_mode=self.config["write_mode"],
            search_by=self.config["search_by"],
            identifiers=identifiers(self.metadata),
            post_updated_lead=self.config["post_updated_lead"],
            boolean_values=values,
        )

    @cached_property
    def metadata(self) -> list[dict[str, Any]]:
        """The account's lead fields, read once a run; empty with `preflight: off`."""
        if self.config["preflight"] == "off":
            return []
        try:
            return fetch_metadata(self.session)
        except DeniedError as error:
            raise self._explained(error) from error

    @cached_property
    def api_fields(self) -> ApiFields:
        """What is known of the lead fields."""
        return lead_fields(
            phone_format=self.config["phone_format"],
            default_country=self.config["default_country"],
            account=self.metadata,
            unlisted="reject" if self.config["preflight"] == "strict" else "keep",
        )

    @cached_property
    def builtin_maps(self) -> BuiltinMaps:
        """See the folder `mappings`."""
        return load_builtin_maps("target_leadsquared")

    def field_map(self, stream: str, schema: dict[str, Any]) -> FieldMap:
        """The map of one stream, fitted to the account."""
        return fit_to_account(
            super().field_map(stream, schema), self.metadata, self.write_settings.search_by, self.config["preflight"]
        )

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

    def check_credentials(self) -> None:
        """Ask LeadSquared whose keys these are."""
        try:
            self.session.call("GET", USER_BY_KEY)
        except DeniedError as error:
            raise self._explained(error) from error

    @property
    def _batch_size(self) -> int:
        most = LEADS_A_CALL[self.config["write_mode"]]
        size = self.config.get("batch_size_rows") or most
        if size > most:
            msg = f"batch_size_rows must be at most {most} with write_mode {self.config['write_mode']}."
            raise SettingsError(msg)
        return int(size)

    def _explained(self, error: DeniedError) -> SettingsError:
        """A refusal with the account's right host, where LeadSquared tells it."""
        host = right_host(error, self.session, urlsplit(self.base_url).netloc) if error.status == UNAUTHORIZED else None
        return SettingsError(f"LeadSquared knows these keys on another host: set api_url to {host}.") if host else error
