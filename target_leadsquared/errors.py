"""What LeadSquared's errors look like, and what a user can do about them: `docs/api/leadsquared.md` 3.3 and 4."""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    denied_codes=frozenset({"MXInvalidRequestException"}),
    final_code_prefix="MX",
)
"""LeadSquared sends this form under any status from 200 to 500. Some tenants reject for the rate limit with 403.

`MXUnAuthorizedAccessException` under a status of success, 404 or 500 is about the leads of the call. About the keys
it comes with 401.
"""

METADATA_ADVICE = (
    "If api_url is right, the keys' user may not read the account's lead fields: use an administrator's keys, or set "
    "preflight: off to write without checking the mapping."
)
KEYS_ADVICE = (
    "Check access_key and secret_key: the $ in them must arrive intact, and they may have been rotated. Check that "
    "api_url is the account's regional host, and auth_in: some accounts expect the keys in the query."
)

ADVICE: Mapping[int | str, str] = {
    401: KEYS_ADVICE,
    403: "The keys' user lacks the permission: use an administrator's keys.",
    404: "Check api_url: it is the account's API host, such as api.leadsquared.com.",
    "GET LeadsMetaData.Get": METADATA_ADVICE,
    "POST Lead/Bulk/Create": "write_mode: create needs this call. If api_url is right, the account or the keys' user "
    "does not have it: use an administrator's keys, or write_mode: upsert.",
    "POST Lead/Bulk/UpdateV2": "write_mode: update needs this call. If api_url is right, the account or the keys' user "
    "does not have it: use an administrator's keys, or write_mode: upsert.",
    "POST Lead.CreateOrUpdate": "write_mode: upsert_single needs this call. If api_url is right, the account or the "
    "keys' user does not have it: use an administrator's keys, or write_mode: upsert.",
}
"""By HTTP status, or by the call that was denied; see `ApiSession`."""
