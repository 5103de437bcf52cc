"""Errors that end a run, by exit code.

No message holds a record's value, a secret, a body, a header or a query string.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """Base of all errors of this package.

    Attributes:
        exit_code: Exit code of the process if the error ends a run (`docs/promises.md`, exit codes).
    """

    exit_code = 1


class SettingsError(ConnectorError):
    """A setting, a credential or a permission is wrong, and a person has to correct it. Exit code 2."""

    exit_code = 2
