"""What ends a run, by exit code. No message carries a record's value, a secret, a body, a header or a query string."""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of all errors of this package.

    Attributes:
        exit_code: The process's exit code where the error ends a run (`contract.md`, exit codes).
    """

    exit_code = 1


class SettingsError(ConnectorError):
    """A person has to mend a setting, a credential or a permission. Ends the run with exit code 2."""

    exit_code = 2
