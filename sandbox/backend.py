"""All state of a running sandbox: both APIs, their data, limits, faults and statistics."""

from __future__ import annotations

from sandbox.carecycle.api import LIST_PATH, CareCycle
from sandbox.carecycle.customer_store import CustomerStore
from sandbox.carecycle.scripted_changes import ScriptedChanges
from sandbox.faults import Faults
from sandbox.http_messages import CARECYCLE, LEADSQUARED, Request, Response
from sandbox.leadsquared.api import LeadSquared
from sandbox.leadsquared.lead_fields import account_fields
from sandbox.leadsquared.lead_store import LeadStore
from sandbox.limits import SECONDS_A_DAY, Limiter, Rejection, SlidingWindow
from sandbox.quirks import Quirks
from sandbox.settings import SEED_END, Settings, Window
from sandbox.stats import Stats
from sandbox.timestamps import Clock

OK = 200


class Backend:
    """Both APIs, their data, limits, faults and statistics."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Start again with the seeded customers, empty windows and the settings of the command line."""
        settings = self.settings
        clock = Clock(SEED_END)
        self.quirks = Quirks()
        self.quirks.change(settings.quirks)
        self.stats = Stats((CARECYCLE, LEADSQUARED))
        self.customers = CustomerStore(settings.seed, settings.customers, clock)
        fields = account_fields(settings.without_fields, settings.mandatory_fields)
        self.leads = LeadStore(fields, self.quirks, clock, settings.seed)
        self.apis: dict[str, CareCycle | LeadSquared] = {
            CARECYCLE: CareCycle(settings, self.customers, self.quirks, self.stats),
            LEADSQUARED: LeadSquared(settings, self.leads, self.quirks, self.stats),
        }
        self.windows = {
            CARECYCLE: [settings.carecycle_limit],
            LEADSQUARED: [settings.leadsquared_limit, Window(settings.leadsquared_daily, SECONDS_A_DAY)],
        }
        self.faults = Faults(settings.faults, settings.seed)
        self.scripted_changes = ScriptedChanges(self.customers)
        self.bulk_window = settings.leadsquared_bulk_limit
        self.apply_limits()

    def handle(self, request: Request) -> Response:
        """Let the API respond to a request, and change customers after a list call."""
        response = self.apis[request.api].respond(request)
        if request.path == LIST_PATH and response.status == OK:
            self.scripted_changes.after_list_call()
        return response

    def apply_limits(self) -> None:
        """Replace all limiters by empty ones for `windows` and `bulk_window`."""
        general = {api: [SlidingWindow(window) for window in windows] for api, windows in self.windows.items()}
        self._limiters = {api: Limiter(windows) for api, windows in general.items()}
        # A bulk call counts in the general windows and in its own.
        self._bulk_limiter = Limiter([*general[LEADSQUARED], SlidingWindow(self.bulk_window)])

    def admit(self, api: str, path: str, now: float) -> Rejection | None:
        """Count a request against the limits.

        Returns:
            The rejection, None for a request within the limits.
        """
        bulk = api == LEADSQUARED and LeadSquared.is_bulk(path)
        limiter = self._bulk_limiter if bulk else self._limiters[api]
        rejection = limiter.admit(now)
        if rejection is not None:
            self.stats.apis[api].rate_limited_calls += 1
        return rejection
