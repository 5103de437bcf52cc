"""Files with personal data or keys: only this user can open them, and what is written is on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from lead_connectors.plugin.errors import SettingsError

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_private_folder(folder: Path, setting: str) -> None:
    """Make a folder that only this user can open; a folder that is there gets the same mode.

    Raises:
        SettingsError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        folder.chmod(FOLDER_MODE)
    except OSError as error:
        msg = f"{setting}: the folder {folder} cannot be used ({error.strerror})."
        raise SettingsError(msg) from None


def create_private(path: Path) -> BinaryIO:
    """Create a new file, mode 0600, for binary writing; never follow a link and never reuse a file."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_privately(path: Path, content: bytes) -> None:
    """Replace a file's content, whole or not at all, mode 0600, and durably."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    with create_private(beside) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
