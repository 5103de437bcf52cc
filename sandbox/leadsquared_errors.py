"""LeadSquared's error envelope."""

from __future__ import annotations

from sandbox.exchange import Answer
from sandbox.limits import Refusal

OVER_LIMIT = "MXAPIRateLimitExceededException"
UNAUTHORIZED = "MXUnAuthorizedAccessException"
NO_PERMISSION = "MXUnauthorizedRequestException"
NO_SUCH_API = "MXInvalidRequestException"


def refuse(status: int, kind: str, message: str) -> Answer:
    """Answer `{Status: Error, ExceptionType, ExceptionMessage}`.

    Args:
        status: The HTTP status.
        kind: The exception's type.
        message: The exception's message.

    Returns:
        The answer.
    """
    return Answer(status, {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": message})


def over_limit(refusal: Refusal, form: str, *, header: bool) -> Answer:
    """Answer a refusal for the limit in one of the three forms seen: 429, 403 or 200."""
    window = refusal.window
    text = f"API calls exceeded the limit of {window.calls} in {window.seconds:g} second(s)"
    answer = refuse(int(form), OVER_LIMIT, text)
    if header:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer
