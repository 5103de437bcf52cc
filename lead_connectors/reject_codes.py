"""The reject codes: why a record is not sent, or was not taken by the API. `docs/promises.md` lists them."""

from __future__ import annotations

import enum


class RejectCode(str, enum.Enum):
    """Why a record is kept. A rejected record is final: no later run sends it again by itself (but `OPT_OUT_OPEN`)."""

    SCHEMA_INVALID = "schema_invalid"
    """The record breaks its stream's SCHEMA."""

    REQUIRED_MISSING = "required_missing"
    """A field that the API requires is missing."""

    UNKNOWN_FIELD = "unknown_field"
    """The API does not know a field."""

    INVALID_VALUE = "invalid_value"
    """A value is not in a form that the API takes."""

    TOO_LONG = "too_long"
    """A value is longer than its field."""

    KEY_MISSING = "key_missing"
    """A key property is missing, or the field to search by."""

    DUPLICATE = "duplicate"
    """The API saw the same lead twice in one call."""

    CONFLICT = "conflict"
    """The e-mail address or the phone number belongs to another lead."""

    NOT_FOUND = "not_found"
    """The lead, or something that it refers to, does not exist."""

    PERMISSION = "permission"
    """The account may not write this."""

    API_REJECTED = "api_rejected"
    """The API rejected the record for another reason."""

    NO_RESPONSE = "no_response"
    """The API's response does not say what became of the record."""

    OPT_OUT_OPEN = "opt_out_open"
    """The lead was taken, its opt-out is not confirmed. The next run reads it back first."""
