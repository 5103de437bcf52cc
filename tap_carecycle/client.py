"""The list call: parameters, responses read into pages, errors as sentences."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lead_connectors.carecycle import NOT_FOUND, account_name, field_errors, open_session
from lead_connectors.http.errors import CallRejectedError, DeniedError, UnexpectedResponseError
from lead_connectors.http.quota import Quota, Window
from lead_connectors.plugin.errors import SettingsError
from tap_carecycle.filters import ignored_filter
from tap_carecycle.other_order import DAY, DAYS_AROUND
from tap_carecycle.pages import NEWEST_OF_ALL, Page, Request, Row
from tap_carecycle.timestamps import shifted, timestamp_text

PATH = "/v2/customers"
PERMISSION = "list customers"
MAX_LISTED_ERRORS = 3
MAX_ERROR_LENGTH = 200
MIN_OUTSIDE = 4
"""Fewer customers outside of a filter, or fewer than 5 % of a page, can have left it while the page was made."""
WINDOW_SECONDS = 60.0


class CustomersApi:
    """Reads pages of customers for one account.

    Args:
        config: The tap's settings.
        stopping: Set when the run is being stopped.
    """

    def __init__(self, config: Mapping[str, Any], stopping: threading.Event) -> None:
        self.quota = Quota(
            [Window(config["requests_per_minute"], WINDOW_SECONDS)],
            account=account_name(config),
            user="tap-carecycle",
            max_wait=config["max_retry_seconds"],
            stopping=stopping,
        )
        self.session = open_session(config, self.quota, permission=PERMISSION, stopping=stopping)
        self._wire_names: Mapping[str, str] = config["parameter_names"]

    def parameters(self, request: Request, query: Mapping[str, str]) -> dict[str, str]:
        """Return the call's query parameters under their names on the wire."""
        parameters = {
            **query,
            "page": str(request.page),
            "limit": str(request.size),
            "sortBy": request.sort,
            "sortOrder": "asc" if request.ascending else "desc",
        }
        if request.around is not None:
            first, last = (shifted(request.around, sign * DAYS_AROUND * DAY)[:10] for sign in (-1, 1))
            parameters["startDate"] = max(first, query.get("startDate", first)[:10])
            parameters["endDate"] = last
        return {self.wire_name(name): value for name, value in parameters.items()}

    def fetch(self, request: Request, query: Mapping[str, str]) -> Page:
        """Read one page.

        Args:
            request: Page, size and order.
            query: The filters under their documented names.

        Raises:
            SettingsError: The API denies the key, rejects a parameter, or ignores one that the run depends on.
            UnexpectedResponseError: The response is not a list of customers.
            TransientError: No usable response came within `max_retry_seconds`.
            StoppedError: The run is being stopped.
        """
        try:
            body = self.session.call("GET", PATH, params=self.parameters(request, query))
        except CallRejectedError as error:
            raise describe_rejection(error) from None
        except DeniedError as error:
            if error.status != NOT_FOUND or request.page == 1:
                raise
            # Some servers respond with 404 beyond the last page. The first page tells how long the list is now.
            first_page = Request(1, request.size, request.sort, request.ascending, request.around)
            return Page.of([], min(self.fetch(first_page, query).total, request.start))
        page = read_page(body, request)
        outside = Counter(name for row in page.rows if (name := ignored_filter(query, row.data)) is not None)
        for name, count in outside.items():
            if count >= max(MIN_OUTSIDE, len(page.rows) // 20):
                msg = (
                    f"CareCycle ignores the filter {name}: {count} customers of one page are outside of it. The page "
                    f"was not emitted. Set parameter_names.{name} to the parameter's name in this account's API."
                )
                raise SettingsError(msg)
        return page

    def wire_name(self, name: str) -> str:
        """Return a parameter's name on the wire."""
        return self._wire_names.get(name, name)

    def close(self) -> None:
        """Close the connections and the quota's file."""
        self.session.close()


def read_page(body: Any, request: Request) -> Page:
    """Read the response of the list call (`docs/api/carecycle.md` 1.2).

    Raises:
        SettingsError: The response is another page than the requested one.
        UnexpectedResponseError: The response is not a list of customers.
    """
    total = body.get("itemsTotal") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(total, int) or total < 0:
        msg = "CareCycle's response is not a list of customers (itemsTotal is missing): check api_url."
        raise UnexpectedResponseError(msg)
    current = body.get("currentPage")
    if isinstance(current, int) and current != request.page:
        msg = (
            f"CareCycle returned page {current} instead of page {request.page}: it does not know the page parameter by "
            "this name. Set parameter_names.page (and parameter_names.limit) to the API's own names."
        )
        raise SettingsError(msg)
    items = body.get("items")
    if items is None and request.start >= total:
        items = []
    if not isinstance(items, list):
        msg = f"CareCycle's page {request.page} of the customers has no list of items. Nothing is lost: run again."
        raise UnexpectedResponseError(msg)
    next_page = body.get("nextPage")
    has_next = isinstance(next_page, int) and next_page > request.page
    return Page.of((_row(item, request.page) for item in items), total, has_next=has_next)


def _row(item: Any, page: int) -> Row:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        msg = f"CareCycle's page {page} holds a customer without id, who cannot be told from others. Ask CareCycle."
        raise UnexpectedResponseError(msg)
    created = item.get("createdAt")
    key = NEWEST_OF_ALL if created is None else timestamp_text(created)
    if key is None:
        msg = f"CareCycle's page {page} holds a createdAt that is not a timestamp, so the order of pages is unknown."
        raise UnexpectedResponseError(msg)
    return Row(item["id"], key, str(item.get("callerId")), item)


def describe_rejection(error: CallRejectedError) -> SettingsError:
    """Return an error that names the rejected parameters and CareCycle's messages, but no value that it received."""
    problems = [f"{'.'.join(each.path)}: {each.safe_message}"[:MAX_ERROR_LENGTH] for each in field_errors(error.body)]
    more = f" and {len(problems) - MAX_LISTED_ERRORS} more" if len(problems) > MAX_LISTED_ERRORS else ""
    reasons = "; ".join(problems[:MAX_LISTED_ERRORS]) + more if problems else "it gives no reason"
    return SettingsError(
        f"CareCycle rejected the list call ({error.code}): {reasons}. Check filters and parameter_names."
    )
