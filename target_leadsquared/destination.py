"""A LeadSquared account as delivery needs it: known leads are updated by their id, others go by the write mode."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from typing_extensions import override

from lead_connectors.delivery.batch import send_split
from lead_connectors.delivery.destination import (
    ConfirmsOptOuts,
    Destination,
    FindsLeads,
    FittedMap,
    FreesFields,
    LeavesFieldsOut,
    Prepared,
)
from lead_connectors.delivery.outcome import Outcome, rejected
from lead_connectors.delivery.plan import Find, Free, OptOutsOnly, Send
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps, load_builtin_maps
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped
from lead_connectors.field_map.messages import with_full_stop
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from target_leadsquared.account import ask_whose_keys, fetch_metadata, organisation
from target_leadsquared.attributes import (
    AUTO,
    DEFAULT_IDENTIFIERS,
    NONE,
    PHONES,
    PROSPECT_ID,
    PROSPECT_ID_KEY,
    Attribute,
    build_attributes,
    check_identity,
    choose_search_by,
)
from target_leadsquared.client import MAX_IDS_A_CALL, LeadSquaredClient, Named
from target_leadsquared.create import create_leads
from target_leadsquared.known_leads import KnownLeads, update_attributes
from target_leadsquared.lead_fields import identifiers, lead_fields
from target_leadsquared.preflight import PreflightSettings, check_against_account, unknown_opt_outs
from target_leadsquared.response import named_rows, read_rejection

UPSERT, CREATE, UPDATE, SINGLE = "upsert", "create", "update", "upsert_single"
LEADS_A_CALL = {UPSERT: 25, CREATE: 50, UPDATE: 25, SINGLE: 1}
OFF, STRICT = "off", "strict"
TRUE_WORDS = frozenset({"1", "true", "yes"})


@dataclass(frozen=True)
class LeadBody:
    """One lead of a call.

    Attributes:
        attributes: What is written, SearchBy last where the call takes it.
        lead_id: The lead's id, where it is known.
        search_by: The field that finds it otherwise.
        is_whole: Whether a lead that was created of it would not be empty.
    """

    attributes: list[Attribute]
    lead_id: str | None = None
    search_by: str | None = None
    is_whole: bool = True


class LeadSquaredDestination(Destination, LeavesFieldsOut, FindsLeads, FreesFields, ConfirmsOptOuts):
    """See `Destination`.

    Args:
        config: The target's settings.
        session: The account's session.
    """

    max_read = MAX_IDS_A_CALL

    def __init__(self, config: Mapping[str, Any], session: ApiSession) -> None:
        self.session = session
        self.batch_size = config.get("batch_size_rows") or LEADS_A_CALL[config["write_mode"]]
        self._config = config
        self._client = LeadSquaredClient(session)
        self._write_mode: str = config["write_mode"]
        self._search_by_setting: str = config["search_by"]
        self._boolean_values: Sequence[str] = config["boolean_values"]
        self._id_key = PROSPECT_ID if self._search_by_setting == PROSPECT_ID else PROSPECT_ID_KEY
        may_create = self._write_mode != UPDATE
        self._known_leads = KnownLeads(self._client, self._id_key, may_create=may_create)

    @override
    def call_of(self, plan: Send | OptOutsOnly | Free) -> str:
        """Known leads are updated by their id, others go by the write mode; an update names one field to search by."""
        if plan.lead_id is not None:
            return SINGLE if self._write_mode == SINGLE and isinstance(plan, Send) else UPDATE
        if self._write_mode == UPDATE and isinstance(plan, Send):
            return f"{UPDATE} by {self._search_by(plan.fields)}"
        return self._write_mode

    @override
    def leads_a_call(self, call: str) -> int:
        """By the call's own limit."""
        return LEADS_A_CALL[call.split(maxsplit=1)[0]]

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
    def map_version(self, version: str) -> str:
        """The map, and how booleans are written."""
        return f"{version} {'/'.join(self._boolean_values)}"

    # One record

    @override
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        """Say what the lead lacks to be found, and by what it may be known."""
        unique, shared = self._identities(mapped.fields)
        missing = check_identity(mapped.fields, self._search_by_setting, self._identifiers)
        return Prepared(mapped.fields, problems=[*mapped.problems, *missing], unique=unique, shared=shared)

    def _identities(self, fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """The account's unique fields, the one to search by first; phones as digits and e-mails in lower case."""
        unique, shared = {}, {}
        finds_it = self._search_by(fields) or choose_search_by(fields, AUTO, self._identifiers)
        names = dict.fromkeys([*([finds_it] if finds_it else []), *sorted(self._identifiers or DEFAULT_IDENTIFIERS)])
        for name in names:
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
    def body(self, plan: Send) -> LeadBody:
        """The lead's attributes; SearchBy last where the call takes it."""
        return self._lead_body(plan, plan.fields)

    @override
    def opt_out_body(self, plan: OptOutsOnly) -> LeadBody | None:
        """The opt-outs alone, for a lead that is known by its id."""
        if plan.lead_id is None:
            return None
        flags = self._lead_body(plan, dict.fromkeys(sorted(plan.lead.opt_outs), True))
        return dataclasses.replace(flags, is_whole=False)

    @override
    def free_body(self, plan: Free) -> LeadBody:
        """The fields, empty, for a lead that is known by its id."""
        return LeadBody(build_attributes(dict.fromkeys(plan.freed), search_by=None), plan.lead_id, is_whole=False)

    def _lead_body(self, plan: Send | OptOutsOnly, fields: Mapping[str, Any]) -> LeadBody:
        search_by = None if plan.lead_id is not None else self._search_by(fields)
        attributes = build_attributes(
            {name: value for name, value in fields.items() if plan.lead_id is None or name != PROSPECT_ID},
            search_by=search_by if self._write_mode in {UPSERT, SINGLE} else None,
            boolean_values=self._boolean_values,
            id_key=self._id_key,
        )
        return LeadBody(attributes, plan.lead_id, search_by)

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
    def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
        """One call."""
        leads: Sequence[LeadBody] = bodies
        if call == SINGLE:
            return [self._send_single(lead) for lead in leads]
        if call == UPDATE:
            named: list[Named] = [(lead.lead_id or "", lead.attributes) for lead in leads]
            never_create = {lead.lead_id or "" for lead in leads if not lead.is_whole}
            return self._known_leads.update(named, self._identifiers, never_create=never_create)
        attributes = [lead.attributes for lead in leads]
        if call == CREATE:
            return create_leads(self._client, attributes, self._identifiers)
        if call == UPSERT:
            return self._client.bulk_upsert(attributes, self._identifiers)
        search_by = leads[0].search_by
        if search_by is None:
            return [rejected(RejectCode.NOT_FOUND, "search_by: none finds no lead to update")] * len(leads)
        named = [update_attributes(lead.attributes, search_by) for lead in leads]
        return self._known_leads.update_found(named, search_by, self._identifiers)

    def _send_single(self, lead: LeadBody) -> Outcome:
        fire = bool(self._config["post_updated_lead"])
        if lead.lead_id is None:
            return self._client.upsert_single(lead.attributes, post_updated_lead=fire)
        return self._known_leads.update_single((lead.lead_id, lead.attributes), post_updated_lead=fire)

    @override
    def find(self, plan: Find) -> str | None:
        """Look the lead up by e-mail or phone."""
        return self._known_leads.find(plan.fields, self._search_by(plan.fields))

    @override
    def culprits(self, error: CallRejectedError) -> Iterable[int]:
        """Rows with an error, where the response has rows."""
        return named_rows(error.body)

    @override
    def rejection(self, error: CallRejectedError) -> Outcome:
        """Read from the exception's type and text."""
        return read_rejection(error.body, error.code, self._identifiers, status=error.status)

    @override
    def read_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> dict[str, bool]:
        """Read raised opt-outs back; true is what the account writes for it, or LeadSquared's own word."""
        return self._known_leads.read(opt_outs, TRUE_WORDS | {self._boolean_values[0].strip().lower()})

    @override
    def raise_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> None:
        """Raise opt-outs once more, by the leads' ids."""
        flags = {
            lead_id: build_attributes(
                dict.fromkeys(sorted(names), True), search_by=None, boolean_values=self._boolean_values
            )
            for lead_id, names in opt_outs.items()
        }
        leads: list[Named] = list(flags.items())
        for start in range(0, len(leads), LEADS_A_CALL[UPDATE]):
            send_split(
                leads[start : start + LEADS_A_CALL[UPDATE]],
                lambda group: self._known_leads.update(group, self._identifiers, never_create=flags),
                rejection=self.rejection,
                culprits=lambda _: (),
                took=lambda *_: None,  # reading them back tells
            )

    # The account

    @override
    def check_credentials(self) -> str | None:
        """Ask LeadSquared whose keys these are."""
        return ask_whose_keys(self.session)

    @override
    def organisation(self) -> str | None:
        """Ask LeadSquared for the organisation's id."""
        return organisation(self.session)

    @override
    def describe_account(self) -> list[str]:
        """How leads are written and found.

        Raises:
            SettingsError: `opt_out_fields` names a lead field that the account does not have.
        """
        if self._metadata and (unknown := unknown_opt_outs(self._config["opt_out_fields"], self._metadata)):
            raise SettingsError(" ".join(map(with_full_stop, unknown)))
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
