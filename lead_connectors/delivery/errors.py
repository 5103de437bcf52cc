"""Why a delivery ends early, grouped by exit code."""

from __future__ import annotations

from collections.abc import Mapping

from singer_sdk.exceptions import RecordsWithoutSchemaException

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.plugin.errors import ConnectorError


class DeliveryError(ConnectorError):
    """Root of the errors of this package. Ends the run with exit code 1: it is safe to run again."""


class InputError(DeliveryError):
    """A line of the input is not a Singer message that a target can take."""


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD came before its stream's SCHEMA."""


class PersonNeededError(DeliveryError):
    """Too many rejects, or an opt-out that was not raised. Ends the run with exit code 3."""

    exit_code = 3


class LedgerError(DeliveryError):
    """The ledger can no longer be read or written."""


class PartlySentError(DeliveryError):
    """A call told of some leads before the rest of it failed.

    Attributes:
        outcomes: What is known, by position.
        error: What ended the call.
    """

    def __init__(self, outcomes: Mapping[int, Outcome], error: Exception) -> None:
        super().__init__(str(error))
        self.outcomes = outcomes
        self.error = error


class SignalledError(DeliveryError):
    """SIGTERM or SIGINT. Ends the run with exit code 143 or 130.

    Attributes:
        exit_code: 128 and the signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}: calls in flight are finished, the rest is left for the next run")
        self.exit_code = 128 + signum
