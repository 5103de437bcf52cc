"""Files that hold or guard personal data: only this user can open them, and what is written is on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from lead_connectors.plugin.errors import SettingsError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path, setting: str) -> None:
    """Make a folder that only this user can open, or tighten the one that is there.

    Raises:
        SettingsError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        folder.chmod(PRIVATE_FOLDER)
    except OSError as error:
        msg = f"{setting}: the folder {folder} cannot be used ({error.strerror})."
        raise SettingsError(msg) from None


def create_private(path: Path) -> BinaryIO:
    """Create a new file, mode 0600, for binary writing; never follows a link, never reuses a file."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE), "wb")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_privately(path: Path, content: bytes) -> None:
    """Put content in the place of a file, whole or not at all, mode 0600, and durably."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    with create_private(beside) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
