"""The files of a run, as its settings name them, each tried before the first call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lead_connectors.delivery.private_files import check_file, check_folder

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
    """

    def __init__(self, config: Mapping[str, Any], target: str) -> None:
        self._target = target
        self.rejects = Path(config[REJECTS]).expanduser()
        self.ledger = _path(config.get(LEDGER))
        self.report = _path(config.get(REPORT))

    def check(self, *, dry_run: bool = False) -> None:
        """Try each path: nothing may be sent that could not be accounted for.

        Args:
            dry_run: Only the report will be written.

        Raises:
            SettingsError: A path cannot be written.
        """
        if not dry_run:
            check_folder(self.rejects / self._target, REJECTS)
            if self.ledger is not None:
                check_file(self.ledger, LEDGER)
        if self.report is not None:
            check_file(self.report, REPORT)


def _path(value: str | None) -> Path | None:
    return Path(value).expanduser() if value else None
