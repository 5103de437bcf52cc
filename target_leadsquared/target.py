"""target-leadsquared: settings and account."""

from __future__ import annotations

from typing import Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from lead_connectors.delivery.settings import default_country_setting, delivery_settings
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.quota import Quota
from lead_connectors.http.session import ApiSession
from target_leadsquared.destination import LEADS_A_CALL, LeadSquaredDestination
from target_leadsquared.errors import ADVICE, ERRORS

OPT_OUTS = ("DoNotCall", "DoNotSMS", "DoNotEmail", "DoNotTrack")


class TargetLeadSquared(DeliveryTarget):
    """Writes Singer records to LeadSquared as leads: bulk create-or-update, bulk create, or one by one."""

    name = "target-leadsquared"
    package_name = "carecycle-leadsquared-connectors"

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "access_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Access key",
            description="AccessKey of an administrator, from My Account, Settings, API and Webhooks. It contains a $.",
        ),
        th.Property(
            "secret_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="Secret key",
            description="SecretKey of the same access key.",
        ),
        th.Property(
            "auth_in",
            th.StringType(allowed_values=["headers", "query"]),
            default="headers",
            title="Place of the keys",
            description="headers, or query for accounts that expect the keys in the query string.",
        ),
        th.Property(
            "write_mode",
            th.StringType(allowed_values=list(LEADS_A_CALL)),
            default="upsert",
            title="Write mode",
            description="upsert (Bulk/CreateOrUpdate, 25 leads a call), create (Bulk/Create, 50), update "
            "(Bulk/UpdateV2, 25: only leads that exist) or upsert_single (Lead.CreateOrUpdate, one). Records that the "
            "ledger knows are updated by their lead's id (Bulk/UpdateV2, 25).",
        ),
        th.Property(
            "post_updated_lead",
            th.BooleanType,
            default=False,
            title="Fire automations",
            description="With upsert_single: whether the account's automations on lead update are fired.",
        ),
        th.Property(
            "search_by",
            th.StringType(min_length=1),
            default="auto",
            title="Search by",
            description="Lead field that identifies a lead. auto: mx_CareCycle_Id where the account has it as an "
            "identifier, else EmailAddress where the lead has one, else Phone. none leaves the choice to the API. The "
            "lead's id is ProspectId, or ProspectID for accounts that spell it so.",
        ),
        th.Property(
            "on_conflict",
            th.StringType(allowed_values=["reject", "leave_out", "overwrite"]),
            default="reject",
            title="Shared e-mail or phone",
            description="What happens to a lead whose e-mail or phone belongs to another lead (spouses). reject: it is "
            "rejected. leave_out: it is sent once more without that field. overwrite: it takes over the lead, where "
            "only the ledger knows of the conflict.",
        ),
        th.Property(
            "phone_format",
            th.StringType(allowed_values=["international", "e164", "as_is"]),
            default="international",
            title="Phone format",
            description="One spelling for writing and for finding leads. international is +<cc>-<number>.",
        ),
        th.Property(
            "boolean_values",
            th.ArrayType(th.StringType),
            default=["true", "false"],
            title="Boolean values",
            description="The words for true and for false.",
        ),
        th.Property(
            "preflight",
            th.StringType(allowed_values=["strict", "warn", "off"]),
            default="warn",
            title="Preflight",
            description="Mapped attributes are checked against the account's lead fields before the first write. "
            "strict: a problem stops the run. warn: it is logged. off: nothing is checked.",
        ),
        default_country_setting(),
        *delivery_settings(
            vendor="LeadSquared",
            api_url="https://api.leadsquared.com",
            max_rows=max(LEADS_A_CALL.values()),
            rows_help="The call's limit unless set: 25 with upsert and update, 50 with create, one with upsert_single.",
            max_in_flight=16,
            rate_limit={"calls": 25, "seconds": 5},
            opt_out_fields=OPT_OUTS,
            recognised="CareCycle customers",
        ),
    ).to_dict()

    @property
    @override
    def account(self) -> str:
        """Host and access key."""
        return account_of(base_address(self.config["api_url"]), self.config["access_key"])

    @override
    def make_destination(self, quota: Quota) -> LeadSquaredDestination:
        """Open the account's session."""
        access, secret = self.config["access_key"], self.config["secret_key"]
        in_query = self.config["auth_in"] == "query"
        session = ApiSession(
            "LeadSquared",
            base_address(self.config["api_url"]),
            quota,
            errors=ERRORS,
            headers={} if in_query else {"x-LSQ-AccessKey": access, "x-LSQ-SecretKey": secret},
            params={"accessKey": access, "secretKey": secret} if in_query else None,
            timeout=self.config["request_timeout"],
            max_retry_seconds=self.config["max_retry_seconds"],
            advice=ADVICE,
            stopping=self.stopping,
        )
        return LeadSquaredDestination(self.config, session)
