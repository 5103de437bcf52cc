"""Parses the query parameters that CareCycle's list calls share, and reports issues as its validator does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from sandbox.carecycle.errors import Issue

MAX_LIMIT = 100
DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?)?")


class QueryParser:
    """Reads query parameters one by one and collects every issue.

    Attributes:
        unread: The parameters that no method has read yet.
        issues: What is wrong with those that were read.
    """

    def __init__(self, query: Mapping[str, str]) -> None:
        self.unread = dict(query)
        self.issues: list[Issue] = []

    def add_issue(self, name: str, message: str, expected: str, code: str, received: str) -> None:
        """Add an issue of one parameter."""
        self.issues.append(Issue((name,), message, expected, received, code))

    def integer(self, name: str, default: int, maximum: int | None = None) -> int:
        """Read a whole number from 1 to `maximum`."""
        text = self.unread.pop(name, None)
        if text is None:
            return default
        if not re.fullmatch(r"-?\d+", text):
            self.add_issue(name, "Invalid input: expected number, received NaN", "number", "invalid_type", text)
            return default
        value = int(text)
        if value < 1:
            self.add_issue(name, "Too small: expected number to be >=1", "number", "too_small", text)
        elif maximum is not None and value > maximum:
            self.add_issue(name, f"Too big: expected number to be <={maximum}", "number", "too_big", text)
        return value

    def choice(self, name: str, default: str, options: tuple[str, ...]) -> str:
        """Read one of the options."""
        value = self.unread.pop(name, default)
        if value not in options and value != default:
            expected = "|".join(options)
            self.add_issue(name, f"Invalid option: expected one of {expected}", expected, "invalid_value", value)
        return value

    def comma_list(self, name: str, options: tuple[str, ...] | None = None) -> set[str] | None:
        """Read a list with commas, None without the parameter. With options, every value must be one of them."""
        text = self.unread.pop(name, None)
        if text is None:
            return None
        values = {value.strip() for value in text.split(",")}
        wrong = values - set(options) if options else values & {""}
        if wrong:
            expected = "|".join(options or ("non-empty string",))
            self.add_issue(name, "Invalid option", expected, "invalid_value", ",".join(sorted(wrong)))
        return values

    def timestamp(self, name: str, *, end: bool = False) -> str | None:
        """Read a date or a timestamp. The documented pattern does not match an offset such as +00:00."""
        text = self.unread.pop(name, None)
        if text is None:
            return None
        if not _is_timestamp(text):
            self.add_issue(name, "Invalid string: must match date pattern", "string", "invalid_format", text)
            return None
        if "T" not in text:
            # The end date is included as a whole day.
            return f"{text}T23:59:59.999999Z" if end else f"{text}T00:00:00Z"
        return text if text.endswith("Z") else f"{text}Z"


def _is_timestamp(text: str) -> bool:
    if not DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.rstrip("Z").partition(".")[0])
    except ValueError:
        return False
    return True
