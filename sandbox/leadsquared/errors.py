"""LeadSquared's exception types and error envelope (`docs/api/leadsquared.md` 3.3 and 4)."""

from __future__ import annotations

from sandbox.http_messages import Response
from sandbox.limits import Rejection

OVER_LIMIT = "MXAPIRateLimitExceededException"
UNAUTHORIZED = "MXUnAuthorizedAccessException"
NO_PERMISSION = "MXUnauthorizedRequestException"
NO_SUCH_API = "MXInvalidRequestException"
INVALID_INPUT = "MXInvalidInputException"
INVALID_TYPE = "MXInvalidDataTypeException"
DUPLICATE = "MXDuplicateEntryException"
UNKNOWN = "MXUnknownAttributeException"
MANDATORY = "MXMandatoryAttributeMissingException"
NOT_FOUND = "MXInvalidEntityReferenceException"
MARKUP_REJECTED = "MXXSSException"


class LeadError(Exception):
    """A lead is rejected. The same lead would be rejected again.

    Attributes:
        exception_type: The `ExceptionType`, one of the constants of this module.
        message: The message.
    """

    def __init__(self, exception_type: str, message: str) -> None:
        super().__init__(message)
        self.exception_type = exception_type
        self.message = message


def error_response(status: int, exception_type: str, message: str) -> Response:
    """Return a response with the body `{Status: Error, ExceptionType, ExceptionMessage}`.

    Args:
        status: The HTTP status.
        exception_type: The `ExceptionType`, one of the constants of this module.
        message: The `ExceptionMessage`.

    Returns:
        The response.
    """
    return Response(status, {"Status": "Error", "ExceptionType": exception_type, "ExceptionMessage": message})


def over_limit(rejection: Rejection, form: str, *, header: bool) -> Response:
    """Return a rate limit response in one of the three forms that were seen: status 429, 403 or 200."""
    window = rejection.window
    text = f"API calls exceeded the limit of {window.calls} in {window.seconds:g} second(s)"
    response = error_response(int(form), OVER_LIMIT, text)
    if header:
        response.headers["Retry-After"] = str(rejection.retry_after)
    return response
