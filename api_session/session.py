"""One account's way to one API: paced, retried, timed, and silent about what it carries."""

from __future__ import annotations

import enum
import logging
import random
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from api_session.answer import Reading, Verdict, read_answer
from api_session.errors import (
    AmbiguousError,
    DeniedError,
    RefusedError,
    SettingsError,
    StoppedError,
    TransientError,
)
from api_session.quota import Quota

logger = logging.getLogger(__name__)

LONGEST_BACKOFF = 60.0


class Repeat(enum.Enum):
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
        host = urlsplit(base_url)
        if host.scheme not in {"http", "https"} or not host.hostname:
            msg = "api_url must be an address such as https://api.example.com"
            raise SettingsError(msg)
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
        self._answered = False
        self.calls = 0
        self.retries = 0
        self.limit_refusals = 0
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
        repeat: Repeat = Repeat.ALWAYS,
    ) -> Any:
        """Make one call, again where that is safe and may help, and return the parsed JSON of its 2xx answer.

        Raises:
            RefusedError: The API will never accept this call; `body` says why.
            DeniedError: 401, 403 (without limit text), 404, 405 or a redirect.
            SettingsError: The host has not once answered JSON.
            TransientError: Faults went on for `max_retry_seconds`, or the API asked for a longer pause.
            AmbiguousError: `repeat` is ASK, the call was sent, and no usable answer came.
            StoppedError: The run is being stopped.
        """
        first_fault: float | None = None
        attempt = 0
        while True:
            reading = self._attempt(method, path, params, json)
            if isinstance(reading, Reading):
                if reading.verdict is Verdict.ACCEPTED:
                    self._answered = True
                    return reading.body
                if reading.verdict is Verdict.REFUSED:
                    raise RefusedError(status=reading.status, code=reading.code, body=reading.body)
                if reading.verdict is Verdict.DENIED:
                    raise self._denied(reading)
                if reading.verdict is Verdict.LIMITED:
                    self._limited(reading)
                elif repeat is Repeat.ASK:
                    raise AmbiguousError(self._no_answer(reading.code))
            elif reading is _Fault.AMBIGUOUS and repeat is Repeat.ASK:
                raise AmbiguousError(self._no_answer("no answer"))
            now = time.monotonic()
            first_fault = now if first_fault is None else first_fault
            left = self._max_retry_seconds - (now - first_fault)
            attempt += 1
            self._wait_before_retry(reading, attempt, left)
            with self._lock:
                self.retries += 1

    def close(self) -> None:
        """Close this thread's connections and the quota's file."""
        if (session := getattr(self._thread, "session", None)) is not None:
            session.close()
        self.quota.close()

    def _attempt(self, method: str, path: str, params: Mapping[str, str] | None, json: Any) -> Reading | _Fault:
        session = getattr(self._thread, "session", None)
        fresh = session is None
        if session is None:
            # requests.Session is not made for several threads at once.
            session = self._thread.session = requests.Session()
        slot = self.quota.acquire()
        with self._lock:
            self.calls += 1
        sent = time.monotonic()
        try:
            response = session.request(
                method,
                f"{self.base_url}{path}",
                params={**self._params, **(params or {})},
                data=None if json is None else orjson.dumps(json),
                headers={**self._headers, "Accept": "application/json"}
                | ({} if json is None else {"Content-Type": "application/json"}),
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (requests.exceptions.ConnectTimeout, requests.exceptions.SSLError):
            return _Fault.NOT_SENT
        except requests.exceptions.ConnectionError as error:
            return _Fault.NOT_SENT if _never_connected(error) else _Fault.AMBIGUOUS
        except (requests.exceptions.RequestException, OSError):
            return _Fault.AMBIGUOUS
        finally:
            self.quota.settle(slot, latency=time.monotonic() - sent, fresh_connection=fresh)
        return read_answer(response.status_code, response.headers, response.content)

    def _limited(self, reading: Reading) -> None:
        """Believe a refusal: keep to the limit that it names, and let nobody call until it is over."""
        with self._lock:
            self.limit_refusals += 1
        if reading.limit is not None and self.quota.believe(*reading.limit):
            logger.warning(
                "%s allows this account only %d calls in %g s: keeping to that for the rest of the run.",
                self.api,
                *reading.limit,
            )
        wait = reading.wait
        if wait is None:
            wait = reading.limit[1] + 0.2 if reading.limit else self.quota.longest_window()
        logger.info("%s refused a call for its pace (%s): waiting %.0f s.", self.api, reading.code, wait)
        self.quota.pause(wait)

    def _wait_before_retry(self, reading: Reading | _Fault, attempt: int, left: float) -> None:
        what = reading.code if isinstance(reading, Reading) else reading.value
        if left <= 0:
            raise self._gave_up(reading, what)
        if isinstance(reading, Reading) and reading.verdict is Verdict.LIMITED:
            return  # the quota holds the pause for everybody
        if isinstance(reading, Reading) and reading.verdict is Verdict.NO_JSON and not self._answered and attempt > 1:
            raise self._gave_up(reading, what)
        asked = reading.wait if isinstance(reading, Reading) else None
        wait = min(LONGEST_BACKOFF, 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311
        if asked is not None:
            wait = max(wait, asked)
            if asked > left:
                raise self._gave_up(reading, what)
        wait = wait if asked is not None else min(wait, left)
        logger.warning("%s: %s. Trying again in %.1f s (attempt %d).", self.api, what, wait, attempt + 1)
        with self._lock:
            self.seconds_waiting += wait
        if self._stopping.wait(wait):
            msg = "the run is being stopped"
            raise StoppedError(msg)

    def _gave_up(self, reading: Reading | _Fault, what: str) -> Exception:
        if not self._answered and isinstance(reading, Reading) and reading.verdict is Verdict.NO_JSON:
            return SettingsError(
                f"{urlsplit(self.base_url).hostname} does not answer with JSON as {self.api} does: check api_url."
            )
        unreachable = " Check api_url and the network." if not self._answered else ""
        return TransientError(
            f"{self.api} gave no usable answer for {self._max_retry_seconds:g} s (max_retry_seconds); the last time: "
            f"{what}.{unreachable} Nothing is lost: run again later."
        )

    def _denied(self, reading: Reading) -> DeniedError:
        status = reading.status
        advice = self._advice.get(status, "Check api_url and the account's permissions.")
        return DeniedError(
            f"{self.api} refuses this account or address ({reading.code}). {advice}",
            status=status,
            body=reading.body,
        )

    def _no_answer(self, what: str) -> str:
        return f"{self.api} gave no usable answer to a write ({what}); it may have landed"


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether the request surely never left: no address, no route, nobody listening."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, (NewConnectionError, NameResolutionError, ConnectTimeoutError))
