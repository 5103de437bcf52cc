"""A LeadSquared account as delivery needs it: bulk create-or-update, bulk create, or one lead a call."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from typing_extensions import override

from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination, FittedMap, LeavesFieldsOut, Prepared
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Send
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.field_map.messages import with_full_stop
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from target_leadsquared.account import ask_whose_keys, fetch_metadata
from target_leadsquared.attributes import (
    AUTO,
    DEFAULT_IDENTIFIERS,
    NONE,
    Attribute,
    build_attributes,
    check_identity,
    choose_search_by,
    opt_out_attributes,
)
from target_leadsquared.client import MAX_IDS_A_CALL, LeadSquaredClient
from target_leadsquared.create import create_leads
from target_leadsquared.lead_fields import identifiers, lead_fields
from target_leadsquared.preflight import PreflightSettings, check_against_account
from target_leadsquared.response import named_rows, read_rejection

logger = logging.getLogger("target-leadsquared")

UPSERT, CREATE, SINGLE = "upsert", "create", "upsert_single"
LEADS_A_CALL = {UPSERT: 25, CREATE: 50, SINGLE: 1}
OFF, STRICT = "off", "strict"
PHONES = ("Phone", "Mobile")


class LeadSquaredDestination(Destination, LeavesFieldsOut, ConfirmsOptOuts):
    """See `Destination`.

    Args:
        config: The target's settings.
        session: The account's session.
    """

    def __init__(self, config: Mapping[str, Any], session: ApiSession) -> None:
        self.session = session
        self.batch_size = config.get("batch_size_rows") or LEADS_A_CALL[config["write_mode"]]
        self._config = config
        self._client = LeadSquaredClient(session)
        self._write_mode: str = config["write_mode"]
        self._search_by_setting: str = config["search_by"]
        self._boolean_values: Sequence[str] = config["boolean_values"]

    @property
    @override
    def opt_out_batch_size(self) -> int:
        """Opt-outs go by create-or-update, which takes fewer leads a call than a create does."""
        return min(self.batch_size, LEADS_A_CALL[UPSERT])

    # The map

    @cached_property
    def _metadata(self) -> list[dict[str, Any]]:
        """The account's lead fields, read once a run; empty with `preflight: off`."""
        return [] if self._config["preflight"] == OFF else fetch_metadata(self.session)

    @cached_property
    def _identifiers(self) -> frozenset[str]:
        """The account's unique fields; empty where its metadata is not known."""
        return identifiers(self._metadata)

    @cached_property
    @override
    def api_fields(self) -> ApiFields:
        """What is known of the lead fields."""
        return self._lead_fields(self._metadata)

    @cached_property
    @override
    def documented_fields(self) -> ApiFields:
        """The lead fields that LeadSquared ships."""
        return self._lead_fields([])

    def _lead_fields(self, account: list[dict[str, Any]]) -> ApiFields:
        return lead_fields(
            phone_format=self._config["phone_format"],
            default_country=self._config["default_country"],
            account=account,
            unlisted="reject" if self._config["preflight"] == STRICT else "keep",
        )

    @property
    @override
    def builtin_maps(self) -> BuiltinMaps:
        """The maps in the folder `mappings`."""
        return load_builtin_maps("target_leadsquared")

    @override
    def check_settings(self) -> None:
        """Check `boolean_values` and `batch_size_rows`."""
        if len(self._boolean_values) != 2 or self._boolean_values[0] == self._boolean_values[1]:  # noqa: PLR2004
            msg = "boolean_values must be two different texts: the one for true, the one for false."
            raise SettingsError(msg)
        if self.batch_size > LEADS_A_CALL[self._write_mode]:
            msg = (
                f"batch_size_rows must be at most {LEADS_A_CALL[self._write_mode]} with write_mode {self._write_mode}."
            )
            raise SettingsError(msg)

    @override
    def fit_to_account(self, field_map: FieldMap) -> FittedMap:
        """The map less what the account does not have, by the setting `preflight`."""
        settings = PreflightSettings(self._search_by_setting, self._config["opt_out_fields"], self._boolean_values)
        found = check_against_account(field_map, self._metadata, settings)
        errors = found.errors + (found.problems if self._config["preflight"] == STRICT else [])
        if errors:
            raise SettingsError(" ".join(map(with_full_stop, errors)))
        warnings = [with_full_stop(text) for text in (*found.warnings, *found.problems)]
        if taken := sorted(found.left_out - field_map.optional):
            warnings.append(f"Stream {field_map.stream}: not sent, see above: {', '.join(taken)}.")
        return FittedMap(field_map.without(found.left_out), warnings, [with_full_stop(text) for text in found.notes])

    @override
    def map_version(self, field_map: FieldMap) -> str:
        """The map, and how booleans are written."""
        return f"{field_map.version} {'/'.join(self._boolean_values)}"

    # One record

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        """Say what the lead lacks to be found, and by what it may be known."""
        unique, shared = self._identities(mapped.fields)
        missing = check_identity(mapped.fields, self._search_by_setting, self._identifiers)
        return Prepared(mapped.fields, problems=[*mapped.problems, *missing], unique=unique, shared=shared)

    def _identities(self, fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """The account's unique fields; order is kept by phones as digits and e-mails in lower case."""
        unique, shared = {}, {}
        for name in self._identifiers or DEFAULT_IDENTIFIERS:
            value = fields.get(name)
            if value in (None, ""):
                continue
            text = re.sub(r"[^0-9]", "", str(value)) if name in PHONES else str(value).strip().lower()
            unique[name] = f"{name}:{text}"
            if name in PHONES:
                # One lead's phone may be another lead's mobile, and spellings differ.
                shared[name] = f"phone:{text[-10:]}"
        return unique, shared

    @override
    def body(self, fields: Mapping[str, Any]) -> list[Attribute]:
        """The lead's attributes; SearchBy last, except for a create, which does not search."""
        search_by = None if self._write_mode == CREATE else self._search_by(fields)
        return build_attributes(fields, search_by=search_by, boolean_values=self._boolean_values)

    @override
    def opt_out_body(self, fields: Mapping[str, Any], opt_outs: Iterable[str]) -> list[Attribute] | None:
        """One identifier, and the opt-outs."""
        known = self._identifiers
        search_by = self._search_by(fields) or choose_search_by(fields, AUTO, known)
        return opt_out_attributes(fields, list(opt_outs), search_by, known=known, boolean_values=self._boolean_values)

    @override
    def can_send(self, plan: Send) -> bool:
        """Whether an identifying field is left."""
        fields = plan.fields
        if self._write_mode == CREATE:
            return any(fields.get(name) for name in self._identifiers or DEFAULT_IDENTIFIERS)
        return self._search_by(fields) is not None

    def _search_by(self, fields: Mapping[str, Any]) -> str | None:
        return choose_search_by(fields, self._search_by_setting, self._identifiers)

    # Calls

    @override
    def send(self, bodies: Sequence[Any]) -> list[Outcome]:
        """One call in the write mode of the settings."""
        if self._write_mode == CREATE:
            return create_leads(self._client, bodies, self._identifiers)
        return self.send_opt_outs(bodies)

    @override
    def send_opt_outs(self, bodies: Sequence[Any]) -> list[Outcome]:
        """Create or update, whatever the write mode: an opt-out is for the lead that is there."""
        if self._write_mode == SINGLE:
            fire = bool(self._config["post_updated_lead"])
            return [self._client.upsert_single(body, post_updated_lead=fire) for body in bodies]
        return self._client.bulk_upsert(bodies, self._identifiers)

    @override
    def culprits(self, error: CallRejectedError) -> Iterable[int]:
        """Rows with an error, where the response has rows."""
        return named_rows(error.body)

    @override
    def rejection(self, error: CallRejectedError) -> Outcome:
        """Read from the exception's type and text."""
        return read_rejection(error.body, error.code, self._identifiers, status=error.status)

    @override
    def unconfirmed(self, opt_outs: Mapping[str, frozenset[str]]) -> int:
        """Read raised opt-outs back, up to 1,000 leads a call."""
        ids = sorted(opt_outs)
        missing = 0
        for start in range(0, len(ids), MAX_IDS_A_CALL):
            group = ids[start : start + MAX_IDS_A_CALL]
            columns = sorted({name for lead_id in group for name in opt_outs[lead_id]})
            try:
                read = self._client.read_leads(group, columns)
            except CallRejectedError as error:
                logger.warning("The opt-outs of %d leads could not be read back (%s).", len(group), error.code)
                continue
            for lead_id in group:
                lead = read.get(lead_id.lower(), {})
                missing += not all(str(lead.get(name)).lower() in {"1", "true"} for name in opt_outs[lead_id])
        return missing

    # The account

    @override
    def check_credentials(self) -> str | None:
        """Ask LeadSquared whose keys these are."""
        return ask_whose_keys(self.session)

    @override
    def describe_account(self) -> list[str]:
        """How leads are written and found."""
        search_by = self._search_by_setting
        if search_by == AUTO:
            search_by = "auto: the first of mx_CareCycle_Id (where it identifies), EmailAddress, Phone, Mobile"
        elif search_by == NONE:
            search_by = "none: by LeadSquared's own rule"
        lines = [
            f"Writing (write_mode): {self._write_mode}; leads are found by (search_by): {search_by}",
            f"Preflight: {self._config['preflight']}",
        ]
        if self._metadata:
            known = ", ".join(sorted(self._identifiers)) or "none"
            lines[1] += f"; the account has {len(self._metadata)} lead fields, identifying are {known}"
        return lines
