"""One account's way to one API: paced, retried, timed, and silent about what it carries."""

from __future__ import annotations

import enum
import logging
import random
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, ProxyError

from lead_connectors.http.address import check_address
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, DeniedError, StoppedError, TransientError
from lead_connectors.http.quota import Quota
from lead_connectors.http.response import ApiResponse, Verdict, read_response
from lead_connectors.plugin.errors import SettingsError

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 60.0
SHORTEST_PAUSE = 1.0
"""Seconds: a refusal for pace that asks for no wait at all must not become a storm."""


class Retry(enum.Enum):
    """May a call be sent again after it was sent once and no usable answer came?"""

    ALWAYS = "always"
    """Reads and upserts: a second one changes nothing."""
    ASK = "ask"
    """The caller decides: `AmbiguousError` is raised."""


class _Fault(enum.Enum):
    """No answer at all."""

    NOT_SENT = "no connection"
    AMBIGUOUS = "the connection was cut or timed out"


class ApiSession:
    """Calls one API with one account.

    Args:
        api: The API's name as a user knows it, for sentences.
        base_url: Scheme, host and optional path, without a trailing slash.
        quota: Paces the calls; shared by all threads.
        headers: Sent with each call; hold the secrets.
        params: Query parameters sent with each call (LeadSquared's `auth_in: query`).
        timeout: Seconds until an answer is given up.
        max_retry_seconds: How long a transient fault is retried.
        advice: A sentence by HTTP status: what to do about 401, 403, 404.
        stopping: Set when the run is being stopped.
    """

    def __init__(
        self,
        api: str,
        base_url: str,
        quota: Quota,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        max_retry_seconds: float = 900.0,
        advice: Mapping[int, str] | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        check_address(base_url)
        self.api = api
        self.base_url = base_url.rstrip("/")
        self.quota = quota
        self._headers = dict(headers)
        self._params = dict(params or {})
        self._timeout = timeout
        self._max_retry_seconds = max_retry_seconds
        self._advice = dict(advice or {})
        self._stopping = stopping or threading.Event()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._answered = False
        self._pages_for_people = 0
        self.calls = 0
        self.retries = 0
        self.rate_limited_calls = 0
        self.seconds_waiting = 0.0

    def __repr__(self) -> str:
        """Name the API only: the headers hold secrets."""
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
        """Make one call, again where that is safe and may help, and return the parsed JSON of its 2xx answer.

        Raises:
            CallRejectedError: The API will never accept this call, `body` says why; or it is not to be had as JSON.
            DeniedError: 401, 403 (without limit text), 404, 405 or a redirect.
            SettingsError: The host has not once answered JSON, its certificate is not trusted, or the address or a
                header cannot be sent.
            TransientError: Faults went on for `max_retry_seconds`, or the API asked for a longer pause.
            AmbiguousError: `retry` is ASK, the call was sent, and no usable answer came.
            StoppedError: The run is being stopped.
        """
        try:
            data = None if json is None else orjson.dumps(json)
        except TypeError:  # half a surrogate pair, a number beyond 64 bits
            raise CallRejectedError(status=0, code="NotJson") from None
        first_fault: float | None = None
        attempt = 0
        while True:
            reading = self._attempt(method, path, params, data)
            if isinstance(reading, ApiResponse) and reading.verdict is Verdict.ACCEPTED:
                self._answered = True
                return reading.body
            self._raise_what_is_final(reading, retry)
            now = time.monotonic()
            first_fault = now if first_fault is None else first_fault
            left = self._max_retry_seconds - (now - first_fault)
            attempt += 1
            self._wait_before_retry(reading, attempt, left)
            self.count_retry()

    def count_retry(self) -> None:
        """Count a call that is made again; whoever repeats calls itself (`Retry.ASK`) says so here."""
        with self._lock:
            self.retries += 1

    def wait_to_retry(self, attempt: int, first_fault: float) -> None:
        """Wait before a caller repeats an ambiguous call itself, and count it.

        Args:
            attempt: How often it was tried so far.
            first_fault: When it failed first, on the monotonic clock.

        Raises:
            TransientError: That is more than `max_retry_seconds` ago.
            StoppedError: The run is being stopped.
        """
        left = self._max_retry_seconds - (time.monotonic() - first_fault)
        self._wait_before_retry(_Fault.AMBIGUOUS, attempt, left)
        self.count_retry()

    def close(self) -> None:
        """Close all connections and the quota's file."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._thread = threading.local()
        self.quota.close()

    def _raise_what_is_final(self, reading: ApiResponse | _Fault, retry: Retry) -> None:
        if isinstance(reading, _Fault):
            if reading is _Fault.AMBIGUOUS and retry is Retry.ASK:
                raise AmbiguousError(self._no_answer(reading.value))
            return
        self._answered = self._answered or reading.body is not None
        if reading.verdict is Verdict.REFUSED:
            raise CallRejectedError(status=reading.status, code=reading.code, body=reading.body)
        if reading.verdict is Verdict.DENIED:
            raise self._denied(reading)
        if reading.verdict is Verdict.LIMITED:
            self._limited(reading)
            return
        if reading.wait is not None:
            self._pause(reading.wait)
        if reading.verdict is Verdict.NO_JSON and self._is_another_site():
            raise SettingsError(self._wrong_site())
        if retry is Retry.ASK:
            raise AmbiguousError(self._no_answer(reading.code))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._thread, "session", None)
        if session is None:
            # requests.Session is not made for several threads at once.
            session = self._thread.session = requests.Session()
            with self._lock:
                self._sessions.append(session)
        return session

    def _attempt(
        self, method: str, path: str, params: Mapping[str, str] | None, data: bytes | None
    ) -> ApiResponse | _Fault:
        slot = self.quota.acquire()
        session = self._session()
        before = _connections(session)
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
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (OSError, ValueError, HTTPError) as error:
            failure = error
        finally:
            # A call that had to connect first, or that nothing is known of, arrived later than its slot. Where each
            # call connects anew all arrive equally late.
            connected = _connections(session) > before
            late = response is None or (connected and not getattr(self._thread, "connects", False))
            self._thread.connects = connected
            self.quota.finish_call(slot, latency=time.monotonic() - sent, fresh_connection=late)
        # Outside of `except`: what is raised from here must not drag along an error that quotes a header.
        if response is None:
            return self._fault(failure)
        return read_response(response.status_code, response.headers, response.content)

    def _fault(self, error: Exception | None) -> _Fault:
        """Tell what never left from what may have arrived. Only what is known for sure counts as never sent."""
        if isinstance(error, ValueError):  # addresses and headers that HTTP cannot carry
            raise SettingsError(self._cannot_be_sent())
        causes = list(_causes(error)) if error else []
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            if self._answered:
                return _Fault.NOT_SENT
            msg = (
                f"the certificate of {urlsplit(self.base_url).hostname} is not trusted: check api_url, this computer's "
                "clock, and REQUESTS_CA_BUNDLE where a proxy signs for it."
            )
            raise SettingsError(msg)
        never = (ConnectTimeoutError, NewConnectionError, NameResolutionError, ProxyError)
        return _Fault.NOT_SENT if any(isinstance(cause, never) for cause in causes) else _Fault.AMBIGUOUS

    def _limited(self, reading: ApiResponse) -> None:
        """Believe a refusal: keep to the limit that it names, and let nobody call until it is over."""
        with self._lock:
            self.rate_limited_calls += 1
        if reading.limit is not None and self.quota.learn_limit(*reading.limit):
            logger.warning(
                "%s allows this account only %d calls in %g s: keeping to that for the rest of the run.",
                self.api,
                *reading.limit,
            )
        wait = reading.wait
        if wait is None:
            wait = reading.limit[1] + 0.2 if reading.limit else self.quota.longest_window()
        logger.info("%s refused a call for its pace (%s): waiting %.0f s.", self.api, reading.code, wait)
        self._pause(max(wait, SHORTEST_PAUSE))

    def _pause(self, seconds: float) -> None:
        """The API asked for it, so it holds for all threads and processes."""
        self.quota.pause(seconds, patience=self._max_retry_seconds)

    def _wait_before_retry(self, reading: ApiResponse | _Fault, attempt: int, left: float) -> None:
        what = reading.code if isinstance(reading, ApiResponse) else reading.value
        what = (
            "an answer without JSON"
            if isinstance(reading, ApiResponse) and reading.verdict is Verdict.NO_JSON
            else what
        )
        if left <= 0:
            raise self._gave_up(what)
        if isinstance(reading, ApiResponse) and reading.verdict is Verdict.LIMITED:
            return  # the quota holds the pause
        wait = min(LONGEST_BACKOFF, 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
        wait = min(wait, left)
        logger.warning("%s: %s. Trying again in %.1f s (attempt %d).", self.api, what, wait, attempt + 1)
        with self._lock:
            self.seconds_waiting += wait
        if self._stopping.wait(wait):
            msg = "the run is being stopped"
            raise StoppedError(msg)

    def _gave_up(self, what: str) -> TransientError:
        unreachable = " Check api_url and the network." if not self._answered else ""
        return TransientError(
            f"{self.api} gave no usable answer for {self._max_retry_seconds:g} s (max_retry_seconds); the last time: "
            f"{what}.{unreachable} Nothing is lost: run again later."
        )

    def _is_another_site(self) -> bool:
        """Whether a second answer of this run was a success without JSON, and none was JSON."""
        with self._lock:
            self._pages_for_people += 1
            return self._pages_for_people > 1 and not self._answered

    def _wrong_site(self) -> str:
        return f"{urlsplit(self.base_url).hostname} does not answer with JSON as {self.api} does: check api_url."

    def _cannot_be_sent(self) -> str:
        return f"{self.api}: api_url or a key holds a character that cannot be sent, such as a line break."

    def _denied(self, reading: ApiResponse) -> DeniedError:
        status = reading.status
        advice = self._advice.get(status, "Check api_url and the account's permissions.")
        return DeniedError(
            f"{self.api} refuses this account or address ({reading.code}). {advice}",
            status=status,
            body=reading.body,
        )

    def _no_answer(self, what: str) -> str:
        return f"{self.api} gave no usable answer to a write ({what}); it may have landed"


def _connections(session: requests.Session) -> int:
    """How many connections a session has opened so far."""
    managers = [
        manager
        for adapter in session.adapters.values()
        if isinstance(adapter, requests.adapters.HTTPAdapter)
        for manager in (adapter.poolmanager, *adapter.proxy_manager.values())
    ]
    return sum(manager.pools[key].num_connections for manager in managers for key in manager.pools.keys())  # noqa: SIM118


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it is made of: requests and urllib3 wrap one another's in arguments and reasons."""
    yield error
    for part in (*error.args, getattr(error, "reason", None)):
        if isinstance(part, BaseException):
            yield from _causes(part)
