"""Which streams of a run become leads: no stream does unless it is asked for (pure)."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.config import ANY_STREAM


class StreamSelection:
    """Decides for each stream, and remembers which streams came.

    Args:
        patterns: The setting `streams`; None where it is not set.
        field_map: The setting `field_map`.
        builtin_maps: The target's built-in maps, which recognise streams by their schema.
    """

    def __init__(
        self, patterns: Iterable[str] | None, field_map: Mapping[str, Any] | None, builtin_maps: BuiltinMaps
    ) -> None:
        self.patterns = None if patterns is None else tuple(patterns)
        self._maps = field_map or {}
        self._builtin_maps = builtin_maps
        self._wanted: dict[str, bool] = {}

    def is_wanted(self, stream: str, schema: Mapping[str, Any]) -> bool:
        """Decide whether a stream that came becomes leads.

        Args:
            stream: Its name, after stream maps.
            schema: Its schema.
        """
        if self.patterns is not None:
            is_wanted = self.is_listed(stream)
        else:
            is_child = self._builtin_maps.is_child_stream(stream, schema)
            is_recognised = self._builtin_maps.recognise(schema) is not None
            is_wanted = is_recognised or stream in self._maps or (ANY_STREAM in self._maps and not is_child)
        self._wanted[stream] = is_wanted
        return is_wanted

    def is_listed(self, stream: str) -> bool:
        """Tell whether the setting `streams` lets a stream of this name pass; without it every name does."""
        return self.patterns is None or any(fnmatch.fnmatchcase(stream, pattern) for pattern in self.patterns)

    @property
    def nothing_wanted(self) -> list[str]:
        """The streams that came, where none of them was asked for; else empty."""
        return [] if any(self._wanted.values()) else sorted(self._wanted)

    def unmatched_maps(self) -> list[str]:
        """One sentence for each stream of `field_map` that no stream of the run has matched."""
        came = ", ".join(sorted(self._wanted))
        return [
            f"field_map.{name}: no stream of this run has this name. Its streams were: {came}."
            for name in self._maps
            if came and name != ANY_STREAM and name not in self._wanted
        ]


def how_to_deliver(streams: Iterable[str]) -> str:
    """The line of config that delivers streams."""
    return f"streams: [{', '.join(streams)}]"
