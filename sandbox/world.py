"""Everything one running sandbox knows."""

from __future__ import annotations

from sandbox.carecycle import LIST_PATH, CareCycle
from sandbox.customer_store import CustomerStore
from sandbox.exchange import CARECYCLE, LEADSQUARED, Answer, Call
from sandbox.faults import Faults
from sandbox.lead_fields import account_fields
from sandbox.lead_store import LeadStore
from sandbox.leadsquared import LeadSquared
from sandbox.limits import SECONDS_A_DAY, Limiter, Refusal, SlidingWindow
from sandbox.moments import Clock
from sandbox.quirks import Quirks
from sandbox.scan_moves import ScanMoves
from sandbox.settings import ANCHOR, Settings, Window
from sandbox.stats import Stats

OK = 200


class World:
    """Both APIs, their data, limits and accounts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Go back to the seeded start, with empty windows and the command line's switches."""
        settings = self.settings
        clock = Clock(ANCHOR)
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
        self.moves = ScanMoves(self.customers)
        self.bulk_window = settings.leadsquared_bulk_limit
        self.apply_limits()

    def handle(self, call: Call) -> Answer:
        """Let the API answer a call, and move customers behind a list call."""
        answer = self.apis[call.api].answer(call)
        if call.path == LIST_PATH and answer.status == OK:
            self.moves.after_list_call()
        return answer

    def apply_limits(self) -> None:
        """Start all windows anew, as `windows` and `bulk_window` now say."""
        general = {api: [SlidingWindow(each) for each in windows] for api, windows in self.windows.items()}
        self._limiters = {api: Limiter(windows) for api, windows in general.items()}
        # A bulk call counts among all calls and in a window of its own.
        self._bulk_limiter = Limiter([*general[LEADSQUARED], SlidingWindow(self.bulk_window)])

    def admit(self, api: str, path: str, now: float) -> Refusal | None:
        """Count an arriving call against the limits, or refuse it."""
        bulk = api == LEADSQUARED and LeadSquared.is_bulk(path)
        limiter = self._bulk_limiter if bulk else self._limiters[api]
        refusal = limiter.admit(now)
        if refusal is not None:
            self.stats.apis[api].rate_limited_calls += 1
        return refusal
