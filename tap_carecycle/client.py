"""The list call: session, parameters, answers read into pages, errors as sentences."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lead_connectors.http.address import account_of, base_address
from lead_connectors.http.errors import CallRejectedError, DeniedError, UnexpectedResponseError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle.filters import ignored_filter
from tap_carecycle.other_order import DAY, DAYS_AROUND
from tap_carecycle.pages import NEWEST_OF_ALL, Page, Request, Row
from tap_carecycle.timestamps import moment_text, shifted

API = "CareCycle"
PATH = "/v2/customers"
NOT_FOUND = 404
MOST_PROBLEMS = 3
SURELY_OUTSIDE = 4
WINDOW_SECONDS = 60.0

ADVICE = {
    401: "Check api_key: it is shown once, in the Developer Dashboard under API Keys.",
    403: "The API key lacks the permission to list customers: CareCycle's Developer Dashboard grants it.",
    404: "There is no customers list at this address: check api_url.",
}


class CustomersApi:
    """Reads pages of customers for one account.

    Args:
        config: The tap's settings.
        stopping: Set when the run is being stopped.
    """

    def __init__(self, config: Mapping[str, Any], stopping: threading.Event) -> None:
        address = base_address(config["api_url"])
        self.quota = Quota(
            [Window(config["requests_per_minute"], WINDOW_SECONDS)],
            account=account_of(address, config["api_key"]),
            patience=config["max_retry_seconds"],
            stopping=stopping,
        )
        self.session = ApiSession(
            API,
            address,
            self.quota,
            headers={"x-api-key": config["api_key"]},
            timeout=config["request_timeout"],
            max_retry_seconds=config["max_retry_seconds"],
            advice=ADVICE,
            stopping=stopping,
        )
        self._names: Mapping[str, str] = config["parameter_names"]

    def parameters(self, request: Request, query: Mapping[str, str]) -> dict[str, str]:
        """The call's query under the names on the wire."""
        asked = {
            **query,
            "page": str(request.page),
            "limit": str(request.size),
            "sortBy": request.sort,
            "sortOrder": "asc" if request.ascending else "desc",
        }
        if request.around is not None:
            first, last = (shifted(request.around, sign * DAYS_AROUND * DAY)[:10] for sign in (-1, 1))
            asked["startDate"] = max(first, query.get("startDate", first)[:10])
            asked["endDate"] = last
        return {self.wire_name(name): value for name, value in asked.items()}

    def fetch(self, request: Request, query: Mapping[str, str]) -> Page:
        """Read one page.

        Args:
            request: Which page of which order.
            query: The filters under their documented names.

        Raises:
            SettingsError: The API refuses the key or a parameter, or ignores one that the run stands on.
            UnexpectedResponseError: The answer is none of a customers list.
            TransientError: No usable answer came within `max_retry_seconds`.
            StoppedError: The run is being stopped.
        """
        try:
            body = self.session.call("GET", PATH, params=self.parameters(request, query))
        except CallRejectedError as error:
            raise _refusal(error) from None
        except DeniedError as error:
            if error.status != NOT_FOUND or request.page == 1:
                raise
            # Some servers have no page behind the end: how long is the list by now?
            start = Request(1, request.size, request.sort, request.ascending, request.around)
            return Page.of([], min(self.fetch(start, query).total, request.start))
        page = read_page(body, request)
        outside = Counter(name for row in page.rows if (name := ignored_filter(query, row.data)) is not None)
        for name, count in outside.items():
            # A few may have left the filter while the answer was written.
            if count >= max(SURELY_OUTSIDE, len(page.rows) // 20):
                msg = (
                    f"CareCycle ignores the filter {name}: {count} customers of a page lie outside it. Nothing of this "
                    f"page was passed on. Set parameter_names.{name} to the name that this account's API knows."
                )
                raise SettingsError(msg)
        return page

    def wire_name(self, name: str) -> str:
        """A parameter's name on the wire."""
        return self._names.get(name, name)

    def close(self) -> None:
        """Let go of connections and of the quota's file."""
        self.session.close()


def read_page(body: Any, request: Request) -> Page:
    """Read the list's envelope.

    Raises:
        SettingsError: Another page came than was asked for.
        UnexpectedResponseError: The answer is none of a customers list.
    """
    total = body.get("itemsTotal") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(total, int) or total < 0:
        msg = "CareCycle's answer is no list of customers (itemsTotal is missing): check api_url."
        raise UnexpectedResponseError(msg)
    current = body.get("currentPage")
    if isinstance(current, int) and current != request.page:
        msg = (
            f"CareCycle answered page {current} when page {request.page} was asked for: it does not know the page "
            "parameter by this name. Set parameter_names.page (and parameter_names.limit) to the API's own names."
        )
        raise SettingsError(msg)
    items = body.get("items")
    if items is None and request.start >= total:
        items = []
    if not isinstance(items, list):
        msg = f"CareCycle's page {request.page} of the customers holds no list of items: nothing is lost, run again."
        raise UnexpectedResponseError(msg)
    following = body.get("nextPage")
    has_next = isinstance(following, int) and following > request.page
    return Page.of((_row(item, request.page) for item in items), total, has_next=has_next)


def _row(item: Any, page: int) -> Row:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        msg = f"CareCycle's page {page} holds a customer without id: it cannot be told from others. Ask CareCycle."
        raise UnexpectedResponseError(msg)
    created = item.get("createdAt")
    key = NEWEST_OF_ALL if created is None else moment_text(created)
    if key is None:
        msg = f"CareCycle's page {page} holds a createdAt that is no moment: the order of pages cannot be trusted."
        raise UnexpectedResponseError(msg)
    return Row(item["id"], key, str(item.get("callerId")), item)


def _refusal(error: CallRejectedError) -> SettingsError:
    """One sentence on a refused parameter, with its name and the API's message but never the value it received."""
    body = error.body if isinstance(error.body, dict) else {}
    problems = []
    for problem in body.get("errors") or []:
        if isinstance(problem, dict):
            path = ".".join(str(part) for part in problem.get("path") or [])
            message = str(problem.get("message", "")).replace(str(problem.get("received") or "\0"), "(hidden)")
            problems.append(f"{path}: {message}"[:200])
    more = f" and {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
    told = "; ".join(problems[:MOST_PROBLEMS]) + more if problems else "it does not say why"
    return SettingsError(f"CareCycle refuses the list call ({error.code}): {told}. Check filters and parameter_names.")
