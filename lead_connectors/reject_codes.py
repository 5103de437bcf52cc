"""The reject codes: why a record is not sent again by itself."""

from __future__ import annotations

import enum


class RejectCode(str, enum.Enum):
    """Why a record was refused for good (`contract.md`, reject codes)."""

    SCHEMA_INVALID = "schema_invalid"
    REQUIRED_MISSING = "required_missing"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_VALUE = "invalid_value"
    TOO_LONG = "too_long"
    KEY_MISSING = "key_missing"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    PERMISSION = "permission"
    API_REJECTED = "api_rejected"
    NO_RESPONSE = "no_response"
