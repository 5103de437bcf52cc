"""Calls to one API with one account: paced, retried and timed. Nothing that a call carries is logged."""

from __future__ import annotations

import enum
import logging
import random
import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from typing_extensions import override
from urllib3.exceptions import HTTPError

from lead_connectors.http.address import check_address
from lead_connectors.http.connections import DeadlineAdapter, count_connections
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, StoppedError, TransientError
from lead_connectors.http.faults import Fault, is_untrusted, read_fault
from lead_connectors.http.quota import Quota
from lead_connectors.http.response import ApiResponse, ErrorFormat, Verdict, read_response
from lead_connectors.plugin.errors import SettingsError

logger = logging.getLogger(__name__)

MAX_BACKOFF = 60.0
MIN_PAUSE = 1.0
"""Seconds to wait after a rejection for the rate limit, even if it asks for no wait at all."""
LIMIT_MARGIN = 0.2
"""Seconds added to a window that a rejection names."""
START_SECONDS = 40.0
"""Seconds for which a host is tried that has never responded: its address may be wrong."""
START_CONNECT_SECONDS = 15.0
"""Seconds for a connection to such a host."""
CALL_PREFIX = re.compile(r"/(?:v\d+/)?(?:[^/]+\.svc/)?")
"""What all paths of an API begin with."""
HTTP_UNAUTHORIZED = 401


class Retry(enum.Enum):
    """Whether a call may be sent again if it was sent and no usable response came."""

    ALWAYS = "always"
    """For reads and upserts: sending them twice does no harm."""
    ASK = "ask"
    """The caller decides: `AmbiguousError` is raised."""


class ApiSession:
    """Calls one API with one account.

    Args:
        api: The API's name as a user knows it.
        base_url: Scheme, host and optional path, without a trailing slash.
        quota: Paces the calls. All threads share it.
        headers: Sent with each call. They hold the secrets.
        errors: What the API's errors look like.
        params: Query parameters sent with each call.
        timeout: Seconds to wait for a whole response.
        max_retry_seconds: Seconds for which a transient fault is retried.
        advice: Sentences that say what the user can do if a call is denied: by HTTP status (401, 403, 404), or by the
            call as `DeniedError` names it ("POST leads/upload").
        stopping: Set when the run is being stopped.

    Attributes:
        max_start_seconds: Seconds for which a host is tried that has never responded.
        calls: Calls sent so far, retries included.
        retries: Calls that were sent again.
        rate_limited_calls: Calls that were rejected for the rate limit.
        seconds_waiting: Seconds spent between a fault and its retry.
    """

    def __init__(
        self,
        api: str,
        base_url: str,
        quota: Quota,
        *,
        headers: Mapping[str, str],
        errors: ErrorFormat,
        params: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        max_retry_seconds: float = 900.0,
        advice: Mapping[int | str, str] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        check_address(base_url)
        self.api = api
        self.base_url = base_url.rstrip("/")
        self.quota = quota
        self._headers = dict(headers)
        self._errors = errors
        self._params = dict(params or {})
        self._timeout = timeout
        self._max_retry_seconds = max_retry_seconds
        self._advice = dict(advice or {})
        self._stopping = stopping or threading.Event()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self.max_start_seconds = START_SECONDS
        self._has_responded = False
        self._has_received_json = False
        self._non_json_responses = 0
        self.calls = 0
        self.retries = 0
        self.rate_limited_calls = 0
        self.seconds_waiting = 0.0

    @override
    def __repr__(self) -> str:
        """Name only the API: the headers hold secrets."""
        return f"ApiSession({self.api})"

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        retry: Retry = Retry.ALWAYS,
    ) -> Any:
        """Make one call, retry it where that is safe and can help, and return the parsed JSON of the response.

        Raises:
            CallRejectedError: The API will never accept this call (`body` says why), or `json` cannot be serialized.
            DeniedError: The status is 401, 403 (without a rate limit), 404, 405 or a redirect.
            SettingsError: The host has never sent JSON, its certificate is not trusted, or the address or a header
                cannot be sent.
            TransientError: Faults lasted for `max_retry_seconds`, the host was never reached, or the API asked for a
                longer pause.
            AmbiguousError: `retry` is ASK, the call was sent, and no usable response came.
            StoppedError: The run is being stopped.
        """
        try:
            data = None if json is None else orjson.dumps(json)
        except TypeError:  # half a surrogate pair, a number beyond 64 bits
            raise CallRejectedError(status=0, code="NotJson") from None
        name = _call_name(method, path)
        first_fault: float | None = None
        attempt = 0
        while True:
            response = self._attempt(method, path, params, data)
            if isinstance(response, ApiResponse) and response.verdict is Verdict.ACCEPTED:
                self._has_received_json = True
                return response.body
            self._raise_if_final(response, retry, name)
            now = time.monotonic()
            first_fault = now if first_fault is None else first_fault
            attempt += 1
            self._wait_before_retry(response, attempt, now - first_fault, name)
            self.count_retry()

    def count_retry(self) -> None:
        """Count a retry that the caller makes itself (`Retry.ASK`)."""
        with self._lock:
            self.retries += 1

    def wait_to_retry(self, attempt: int, first_fault: float) -> None:
        """Wait before the caller retries an ambiguous call itself, and count the retry.

        Args:
            attempt: How often the call was sent so far.
            first_fault: When it failed first, on the monotonic clock.

        Raises:
            TransientError: The first fault is more than `max_retry_seconds` ago.
            StoppedError: The run is being stopped.
        """
        fault = Fault("no usable response to a write")
        self._wait_before_retry(fault, attempt, time.monotonic() - first_fault, "the write")
        self.count_retry()

    def close(self) -> None:
        """Close all connections and the quota's file."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._thread = threading.local()
        self.quota.close()

    def _raise_if_final(self, response: ApiResponse | Fault, retry: Retry, call: str) -> None:
        if isinstance(response, Fault):
            if response.was_sent and retry is Retry.ASK:
                raise self._ambiguous(response.problem)
            return
        self._has_received_json = self._has_received_json or response.body is not None
        if response.verdict is Verdict.REJECTED:
            raise CallRejectedError(status=response.status, code=response.code, body=response.body, call=call)
        if response.verdict is Verdict.DENIED:
            raise self._denied(response, call)
        if response.verdict is Verdict.RATE_LIMITED:
            self._follow_rate_limit(response)
            return
        if response.wait is not None:
            self._pause(response.wait)
        if response.verdict is Verdict.NOT_JSON and self._is_wrong_host():
            raise self._wrong_host()
        if retry is Retry.ASK:
            raise self._ambiguous(response.code)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._thread, "session", None)
        if session is None:
            # requests.Session is not thread-safe: each thread gets its own.
            session = self._thread.session = requests.Session()
            for scheme in ("https://", "http://"):
                session.mount(scheme, DeadlineAdapter())
            with self._lock:
                self._sessions.append(session)
        return session

    def _attempt(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None
    ) -> ApiResponse | Fault:
        slot = self.quota.acquire()
        session = self._session()
        connections = count_connections(session)
        response: requests.Response | None = None
        failure: Exception | None = None
        with self._lock:
            self.calls += 1
        sent = time.monotonic()
        try:
            response = session.request(
                method,
                f"{self.base_url}{path}",
                params={**self._params, **(params or {})},
                data=data,
                headers={**self._headers, "Accept": "application/json"}
                | ({} if data is None else {"Content-Type": "application/json"}),
                timeout=(self._connect_timeout, self._timeout),
                allow_redirects=False,
            )
        except (OSError, ValueError, HTTPError) as error:
            failure = error
        finally:
            # A call that had to connect first, or that failed, arrived later than its slot. If connections are never
            # reused, every call has the same delay, so slots need no correction.
            connected = count_connections(session) > connections
            is_late = response is None or (connected and not getattr(self._thread, "connected", False))
            self._thread.connected = connected
            self.quota.finish_call(slot, latency=time.monotonic() - sent, fresh_connection=is_late)
        # Outside of `except`: an error raised from here must not carry the other one, which can quote a header.
        if response is None:
            return self._classify_fault(failure)
        self._has_responded = True
        return read_response(response.status_code, response.headers, response.content, self._errors)

    def _classify_fault(self, error: Exception | None) -> Fault:
        """Return why there is no response.

        Raises:
            SettingsError: The call cannot be sent, or the host's certificate is not trusted.
        """
        if isinstance(error, ValueError):  # an address or a header that HTTP cannot carry
            msg = f"{self.api}: api_url or a key holds a character that cannot be sent, such as a line break."
            raise SettingsError(msg)
        if error is not None and is_untrusted(error) and not self._has_received_json:
            msg = (
                f"The certificate of {self._host} is not trusted. Check api_url, this computer's clock, and "
                "REQUESTS_CA_BUNDLE if a proxy signs for the host."
            )
            raise SettingsError(msg)
        return read_fault(error, self._host, self._timeout)

    @property
    def _connect_timeout(self) -> float:
        return self._timeout if self._has_responded else min(self._timeout, START_CONNECT_SECONDS)

    def _follow_rate_limit(self, response: ApiResponse) -> None:
        """Keep to the limit that a rejection names, and pause all calls."""
        with self._lock:
            self.rate_limited_calls += 1
        if response.limit is not None and self.quota.learn_limit(*response.limit):
            logger.warning(
                "%s allows this account only %d calls in %g s. The run keeps to this limit from now on.",
                self.api,
                *response.limit,
            )
        wait = response.wait
        if wait is None:
            wait = response.limit[1] + LIMIT_MARGIN if response.limit else self.quota.longest_window()
        logger.info("%s rejected a call for its rate limit (%s). Waiting %.0f s.", self.api, response.code, wait)
        self._pause(max(wait, MIN_PAUSE))

    def _pause(self, seconds: float) -> None:
        """Pause all threads and processes, because the API asked for it."""
        self.quota.pause(seconds, max_wait=self._max_retry_seconds)

    def _wait_before_retry(self, response: ApiResponse | Fault, attempt: int, seconds: float, call: str) -> None:
        """Wait before a call that has failed for some seconds is retried, or raise if that is long enough."""
        problem = _problem(response)
        is_unreachable = isinstance(response, Fault) and not response.was_sent and not self._has_responded
        patience = self._max_retry_seconds
        seconds_left = (min(patience, self.max_start_seconds) if is_unreachable else patience) - seconds
        if seconds_left <= 0 and isinstance(response, Fault) and is_unreachable:
            raise self._unreachable(response.reason)
        if seconds_left <= 0:
            raise self._retries_exhausted(problem, call)
        if isinstance(response, ApiResponse) and response.verdict is Verdict.RATE_LIMITED:
            return  # the quota holds the pause
        wait = min(MAX_BACKOFF, 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
        wait = min(wait, seconds_left)
        logger.warning("%s: %s (%s). Retrying in %.1f s (attempt %d).", self.api, problem, call, wait, attempt + 1)
        with self._lock:
            self.seconds_waiting += wait
        if self._stopping.wait(wait):
            msg = "the run is being stopped"
            raise StoppedError(msg)

    def _is_wrong_host(self) -> bool:
        """Count a successful response without JSON. True from the second one on if no response was JSON."""
        with self._lock:
            self._non_json_responses += 1
            return self._non_json_responses > 1 and not self._has_received_json

    @property
    def _host(self) -> str | None:
        return urlsplit(self.base_url).hostname

    def _unreachable(self, reason: str) -> TransientError:
        return TransientError(
            f"api_url: {urlsplit(self.base_url).netloc} cannot be reached ({reason}). Either this address is not "
            f"{self.api}'s, or the network (DNS, proxy, firewall) does not let calls through. Nothing is lost: correct "
            "it, or run again later."
        )

    def _retries_exhausted(self, problem: str, call: str) -> TransientError:
        advice = " Check api_url and the network." if not self._has_received_json else ""
        return TransientError(
            f"{self.api} gave no usable response to {call} for {self._max_retry_seconds:g} s (max_retry_seconds). Last "
            f"problem: {problem}.{advice} Nothing is lost: run again later."
        )

    def _wrong_host(self) -> SettingsError:
        return SettingsError(f"{self._host} does not respond with JSON as {self.api} does: check api_url.")

    def _denied(self, response: ApiResponse, call: str) -> DeniedError:
        advice = self._advice.get(response.status, "Check api_url and the account's permissions.")
        if response.status != HTTP_UNAUTHORIZED:
            advice = self._advice.get(call, advice)
        return DeniedError(
            f"{self.api} denied access to {call} ({response.code}). {advice}",
            status=response.status,
            body=response.body,
        )

    def _ambiguous(self, problem: str) -> AmbiguousError:
        return AmbiguousError(
            f"{self.api} gave no usable response to a write ({problem}); the write may have been applied"
        )


def _problem(response: ApiResponse | Fault) -> str:
    if isinstance(response, Fault):
        return response.problem
    return "a response without JSON" if response.verdict is Verdict.NOT_JSON else response.code


def _call_name(method: str, path: str) -> str:
    """Return how people know a call: method and path, without query and without what all paths begin with."""
    return f"{method} {CALL_PREFIX.sub('', path.partition('?')[0], count=1)}"
