"""The files of a run, as its settings name them, each tried before the first call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lead_connectors.delivery.private_files import check_file, check_folder
from lead_connectors.plugin.errors import SettingsError

REJECTS, LEDGER, REPORT = "rejects_path", "ledger_path", "report_path"


class RunPaths:
    """Where a run keeps its files.

    Args:
        config: The target's settings.
        target: The target's name.

    Attributes:
        rejects: The folder of `rejects_path`.
        ledger: The file of `ledger_path`; None without one.
        report: The file of `report_path`; None without one.
        may_write_report: Whether the check found that the report can be written there.
    """

    def __init__(self, config: Mapping[str, Any], target: str) -> None:
        self._target = target
        self.rejects = Path(config[REJECTS]).expanduser()
        self.ledger = _path(config.get(LEDGER))
        self.report = _path(config.get(REPORT))
        self.may_write_report = False

    def check(self, *, dry_run: bool = False) -> None:
        """Try each path: nothing may be sent that could not be accounted for.

        Args:
            dry_run: Only the report will be written.

        Raises:
            SettingsError: A path cannot be written, or two settings name one file.
        """
        self._check_that_they_differ()
        # The report first: it tells what is wrong with the others.
        if self.report is not None:
            check_file(self.report, REPORT)
            self.may_write_report = True
        if not dry_run:
            check_folder(self.rejects / self._target, REJECTS)
            if self.ledger is not None:
                check_file(self.ledger, LEDGER)

    def _check_that_they_differ(self) -> None:
        files = [(REJECTS, self.rejects), (REJECTS, self.rejects / self._target)]
        if self.ledger is not None:
            files += [(LEDGER, self.ledger), (LEDGER, self.ledger.with_name(f"{self.ledger.name}.key"))]
        if self.report is not None:
            files.append((REPORT, self.report))
        seen: dict[str, str] = {}
        for setting, path in files:
            other = seen.setdefault(os.path.realpath(path), setting)
            if other != setting:
                msg = f"{setting} and {other} name one file, {path}: give each its own."
                raise SettingsError(msg)


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser() if value else None
