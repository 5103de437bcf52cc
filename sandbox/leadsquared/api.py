"""The LeadSquared API: authentication, host and routes."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.http_messages import Request, Response
from sandbox.ids import fixed_id
from sandbox.leadsquared import errors
from sandbox.leadsquared.lead_fields import OWNER_ID
from sandbox.leadsquared.lead_lookups import LeadLookups
from sandbox.leadsquared.lead_store import LeadStore
from sandbox.leadsquared.lead_updates import LeadUpdates
from sandbox.leadsquared.lead_writes import LeadWrites
from sandbox.leadsquared.lost_payload import loses_payload, success_of_nothing
from sandbox.leadsquared.upper_case_ids import with_upper_case_ids
from sandbox.limits import Rejection
from sandbox.quirks import Quirks
from sandbox.settings import Settings
from sandbox.stats import Stats

LEADS = "/v2/LeadManagement.svc/"
AUTHENTICATION = "/v2/Authentication.svc/"
USER_BY_ACCESS_KEY = f"{AUTHENTICATION}UserByAccessKey.Get"
BULK_PATHS = (f"{LEADS}Lead/Bulk/CreateOrUpdate", f"{LEADS}Lead/Bulk/Create", f"{LEADS}Lead/Bulk/UpdateV2")
WRITE_PATHS = (*BULK_PATHS, f"{LEADS}Lead.CreateOrUpdate")
JSON_POSTS = (*WRITE_PATHS, f"{LEADS}Leads/Retrieve/ByIds")


class LeadSquared:
    """Serves the LeadSquared calls from a lead store.

    Attributes:
        keys: The pairs of access key and secret key that are valid now, all of one organisation.
    """

    def __init__(self, settings: Settings, store: LeadStore, quirks: Quirks, stats: Stats) -> None:
        self._settings = settings
        self.keys = {(settings.access_key, settings.secret_key)}
        self._quirks = quirks
        self._stats = stats
        writes = LeadWrites(store, quirks, stats)
        lookups = LeadLookups(store, quirks)
        self._routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", USER_BY_ACCESS_KEY): self._user_by_access_key,
            ("POST", BULK_PATHS[0]): writes.bulk_upsert,
            ("POST", BULK_PATHS[1]): writes.bulk_create,
            ("POST", BULK_PATHS[2]): LeadUpdates(store, quirks, stats).respond,
            ("POST", f"{LEADS}Lead.CreateOrUpdate"): writes.upsert_single,
            ("POST", f"{LEADS}Leads/Retrieve/ByIds"): lookups.by_ids,
            ("GET", f"{LEADS}LeadsMetaData.Get"): lookups.metadata,
            ("GET", f"{LEADS}Leads.GetById"): lookups.by_id,
            ("GET", f"{LEADS}Leads.GetByEmailaddress"): lookups.by_email,
            ("GET", f"{LEADS}RetrieveLeadByPhoneNumber"): lookups.by_phone,
        }

    def respond(self, request: Request) -> Response:
        """Respond to a request that is within the limits."""
        response = self._respond(request)
        if self._quirks.upper_case_ids:
            response.body = with_upper_case_ids(response.body)
        return response

    def over_limit(self, rejection: Rejection) -> Response:
        """Respond to a request over a limit, in the form that the quirk `limit_form` says."""
        header = self._quirks.retry_after_header
        return errors.over_limit(rejection, self._quirks.limit_form, header=header)

    @staticmethod
    def is_write(method: str, path: str) -> bool:
        """Return whether such a call changes data."""
        return method == "POST" and path in WRITE_PATHS

    @staticmethod
    def is_bulk(path: str) -> bool:
        """Return whether the limit for bulk calls counts such a call."""
        return path in BULK_PATHS

    def _respond(self, request: Request) -> Response:
        access_key = request.headers.get("x-lsq-accesskey") or request.query.get("accessKey")
        secret_key = request.headers.get("x-lsq-secretkey") or request.query.get("secretKey")
        if (access_key, secret_key) not in self.keys:
            return errors.error_response(401, errors.UNAUTHORIZED, "Invalid access credentials")
        account_host = self._settings.account_host
        if account_host and request.path != USER_BY_ACCESS_KEY and request.headers.get("host") != account_host:
            message = f"Invalid API host. Use the host of your region: {account_host}"
            return errors.error_response(401, errors.UNAUTHORIZED, message)
        handler = self._routes.get((request.method, request.path))
        if handler is None:
            return errors.error_response(404, errors.NO_SUCH_API, "The API could not be found")
        content_type = request.headers.get("content-type", "")
        if request.path in JSON_POSTS and not content_type.startswith("application/json"):
            return errors.error_response(400, errors.NO_SUCH_API, "Content-Type must be application/json")
        if self.is_write(request.method, request.path) and loses_payload(request):
            self._stats.payloads_lost.append(request.number)
            return success_of_nothing(request, self._quirks)
        return handler(request)

    def _user_by_access_key(self, request: Request) -> Response:
        if self._quirks.organisation_hidden:
            return errors.error_response(403, errors.NO_PERMISSION, "You do not have permission for this action")
        host = self._settings.account_host or request.headers.get("host", "")
        return Response(
            200,
            {
                "Id": OWNER_ID,
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
