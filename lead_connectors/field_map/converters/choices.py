"""One of a list of values, whatever its spelling."""

from __future__ import annotations

from typing import Any

from lead_connectors.field_map.converters.base import Options, comparable, invalid, plain_text


def to_choice(value: Any, options: Options) -> str:
    """The item of a list that equals the value. Case and separators do not count.

    Options: `choices` (the list), `aliases` (other spellings, each with its choice) and `other`: ``reject`` (the
    default) or ``keep``, which passes a value that is not in the list as it is.
    """
    text = plain_text(value)
    aliases = {comparable(alias): str(choice) for alias, choice in options.get("aliases", {}).items()}
    known = aliases | {comparable(choice): str(choice) for choice in options.get("choices", ())}
    choice = known.get(comparable(text))
    if choice is not None:
        return choice
    if options.get("other") == "keep":
        return text
    raise invalid(reason="is not one of the values that the field takes")
