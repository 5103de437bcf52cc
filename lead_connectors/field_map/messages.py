"""Sentences about mistakes in settings: hints at the nearest name, and many mistakes in one error."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator

from lead_connectors.plugin.errors import SettingsError


def with_full_stop(text: str) -> str:
    """Return a sentence with a full stop, unless it already has its end."""
    return text if text.endswith(("?", ".")) else f"{text}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that suggests the known name nearest to a wrong one; empty where none is near."""
    by_case = {candidate.casefold(): candidate for candidate in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return f"; did you mean '{by_case[close[0]]}'?" if close else ""


class Mistakes:
    """Collects the mistakes in a setting, so that one run tells all of them."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Note a `SettingsError` that is raised inside, and go on after it."""
        try:
            yield
        except SettingsError as error:
            self._texts.append(str(error))

    def raise_all(self) -> None:
        """Raise what was noted.

        Raises:
            SettingsError: With each mistake once, in the order in which they were found.
        """
        texts = list(dict.fromkeys(self._texts))
        if len(texts) == 1:
            raise SettingsError(texts[0])
        if texts:
            raise SettingsError(" ".join(map(with_full_stop, texts)))
