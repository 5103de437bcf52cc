"""Why a delivery ends early, grouped by what the caller should do."""

from __future__ import annotations

from singer_sdk.exceptions import RecordsWithoutSchemaException

from lead_connectors.plugin.errors import ConnectorError


class DeliveryError(ConnectorError):
    """Root of this package's errors. Ends the run with exit code 1, safe to run again."""


class InputError(DeliveryError):
    """What arrives on stdin is no Singer message that a target can take."""


class RecordBeforeSchemaError(InputError, RecordsWithoutSchemaException):
    """A RECORD came before its stream's SCHEMA."""


class PersonNeededError(DeliveryError):
    """Too many rejects, or an opt-out that no call would take. Ends the run with exit code 3."""

    exit_code = 3


class SignalledError(DeliveryError):
    """SIGTERM or SIGINT. Ends the run with exit code 143 or 130.

    Attributes:
        exit_code: 128 and the signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by signal {signum}: what was in flight is finished, the rest is for the next run")
        self.exit_code = 128 + signum
