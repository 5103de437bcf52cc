"""What LeadSquared's errors look like: `docs/api/leadsquared.md` 3.3 and 4."""

from __future__ import annotations

import re

from lead_connectors.http.response import ErrorFormat

RATE_LIMIT_TYPE = "MXAPIRateLimitExceededException"

ERRORS = ErrorFormat(
    code_key="ExceptionType",
    message_key="ExceptionMessage",
    error_marker=("Status", "Error"),
    rate_limit_codes=frozenset({RATE_LIMIT_TYPE}),
    rate_limit_text=re.compile(
        r"exceeded the limit of\s+(\d{1,9})\s+in\s+(\d{1,6}(?:\.\d{1,6})?)\s+second", re.IGNORECASE
    ),
    denied_codes=frozenset({"MXUnAuthorizedAccessException", "MXUnauthorizedRequestException"}),
    final_code_prefix="MX",
)
"""LeadSquared sends this form under any status from 200 to 500. Some tenants reject for the rate limit with 403."""
