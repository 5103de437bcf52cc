"""The LeadSquared side: keys, hosts, paths."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import leadsquared_errors as errors
from sandbox.exchange import Answer, Call
from sandbox.lead_lookups import LeadLookups
from sandbox.lead_store import LeadStore
from sandbox.lead_writes import LeadWrites
from sandbox.limits import Refusal
from sandbox.quirks import Quirks
from sandbox.reference import LSQ_OWNER_ID, fixed_id
from sandbox.settings import Settings
from sandbox.stats import Stats

LEADS = "/v2/LeadManagement.svc/"
AUTHENTICATION = "/v2/Authentication.svc/"
WHO_AM_I = f"{AUTHENTICATION}UserByAccessKey.Get"
BULK_PATHS = (f"{LEADS}Lead/Bulk/CreateOrUpdate", f"{LEADS}Lead/Bulk/Create")
WRITE_PATHS = (*BULK_PATHS, f"{LEADS}Lead.CreateOrUpdate")
JSON_POSTS = (*WRITE_PATHS, f"{LEADS}Leads/Retrieve/ByIds")


class LeadSquared:
    """Answers LeadSquared calls out of a lead store."""

    def __init__(self, settings: Settings, store: LeadStore, quirks: Quirks, stats: Stats) -> None:
        self._settings = settings
        self._quirks = quirks
        writes = LeadWrites(store, quirks, stats)
        lookups = LeadLookups(store)
        self._routes: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("GET", WHO_AM_I): self._who_am_i,
            ("POST", BULK_PATHS[0]): writes.bulk_upsert,
            ("POST", BULK_PATHS[1]): writes.bulk_create,
            ("POST", f"{LEADS}Lead.CreateOrUpdate"): writes.upsert_single,
            ("POST", f"{LEADS}Leads/Retrieve/ByIds"): lookups.by_ids,
            ("GET", f"{LEADS}LeadsMetaData.Get"): lookups.metadata,
            ("GET", f"{LEADS}Leads.GetById"): lookups.by_id,
            ("GET", f"{LEADS}Leads.GetByEmailaddress"): lookups.by_email,
            ("GET", f"{LEADS}RetrieveLeadByPhoneNumber"): lookups.by_phone,
        }

    def answer(self, call: Call) -> Answer:
        """Answer one call that the limit let through."""
        access = call.headers.get("x-lsq-accesskey") or call.query.get("accessKey")
        secret = call.headers.get("x-lsq-secretkey") or call.query.get("secretKey")
        if (access, secret) != (self._settings.access_key, self._settings.secret_key):
            return errors.refuse(401, errors.UNAUTHORIZED, "Invalid access credentials")
        right = self._settings.account_host
        if right and call.path != WHO_AM_I and call.headers.get("host") != right:
            message = f"Invalid API host. Use the host of your region: {right}"
            return errors.refuse(401, errors.UNAUTHORIZED, message)
        handler = self._routes.get((call.method, call.path))
        if handler is None:
            return errors.refuse(404, errors.NO_SUCH_API, "The API could not be found")
        kind = call.headers.get("content-type", "")
        if call.path in JSON_POSTS and not kind.startswith("application/json"):
            return errors.refuse(400, errors.NO_SUCH_API, "Content-Type must be application/json")
        return handler(call)

    def over_limit(self, refusal: Refusal) -> Answer:
        """Answer a call that a limit refused, in the form this account shows."""
        header = self._quirks.retry_after_header
        return errors.over_limit(refusal, self._quirks.limit_form, header=header)

    @staticmethod
    def is_write(method: str, path: str) -> bool:
        """Return whether such a call changes data."""
        return method == "POST" and path in WRITE_PATHS

    @staticmethod
    def is_bulk(path: str) -> bool:
        """Return whether the call counts against the limit for bulk calls."""
        return path in BULK_PATHS

    def _who_am_i(self, call: Call) -> Answer:
        host = self._settings.account_host or call.headers.get("host", "")
        return Answer(
            200,
            {
                "Id": LSQ_OWNER_ID,
                "Name": "Sandbox Administrator",
                "Role": "Administrator",
                "EmailAddress": "admin@agency.example.com",
                "TimeZone": "America/New_York",
                "Type": "ApplicationUser",
                "OrgDisplayName": "Sandbox agency",
                "OrgId": fixed_id("lsq-organisation"),
                "OrgShortCode": "10001",
                "DefaultCountryCode": "1",
                "UserType": "Regular",
                "LSQCommonServiceURLs": {"api": host, "app": "app.example.com"},
            },
        )
