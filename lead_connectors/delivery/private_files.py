"""Files with personal data or keys: only this user can open them, and what is written is on disk.

A path that cannot be used ends a run with a sentence that names its setting.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

from lead_connectors.plugin.errors import ConnectorError, SettingsError

FILE_MODE = 0o600
MAX_NAME_BYTES = 255
"""A name in a path is never longer, on any usual file system."""
FOLDER_MODE = 0o700

_TRANSIENT = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
)
"""What no setting can mend: a full disk, and too many open files."""


class PathError(ConnectorError):
    """A file cannot be written now, for example on a full disk. Exit code 1: it is safe to run again."""


def path_error(setting: str, path: Path, error: OSError, *, action: str = "written") -> ConnectorError:
    """The error that ends a run for a path.

    Args:
        setting: Where the path comes from.
        path: The file or folder.
        error: What the system said.
        action: What cannot be done with it.

    Returns:
        A `PathError` where the disk is full or the like, else a `SettingsError`.
    """
    sentence = f"{setting}: {path} cannot be {action} ({error.strerror or type(error).__name__})."
    if error.errno in _TRANSIENT:
        return PathError(f"{sentence} Nothing is lost: correct this and run again.")
    return SettingsError(f"{sentence} Name a path that this user can read and write.")


@contextlib.contextmanager
def path_errors(setting: str, path: Path, *, action: str = "written") -> Iterator[None]:
    """Turn what the system says about a path into the error that ends the run; see `path_error`."""
    try:
        yield
    except OSError as error:
        problem = path_error(setting, path, error, action=action)
    else:
        return
    raise problem


def check_folder(folder: Path, setting: str) -> None:
    """Check that files can be made in a folder, or that the folder can be made. Nothing is left behind.

    Raises:
        SettingsError: They cannot.
    """
    existing = folder
    reason = None
    if any(len(os.fsencode(part)) > MAX_NAME_BYTES for part in folder.parts):
        reason = os.strerror(errno.ENAMETOOLONG)
    try:
        while not os.path.lexists(existing) and existing != existing.parent:
            existing = existing.parent
        probe = existing / f".check-{os.getpid()}"
        try:
            with create_private(probe) as file:
                file.write(b"\n")  # on a full disk a file can be made, but not filled
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason is not None:
        msg = f"{setting}: the folder {existing} cannot be written ({reason})."
        raise SettingsError(msg)


def check_file(path: Path, setting: str) -> None:
    """Check that a file can be made or replaced. Nothing is left behind.

    Raises:
        SettingsError: It cannot.
    """
    real = Path(os.path.realpath(path))
    try:
        if real.exists() and not real.is_file():
            kind = "a folder" if real.is_dir() else "not a plain file"
            msg = f"{setting}: {path} is {kind}. Name a file."
            raise SettingsError(msg)
        if real.exists():
            os.close(os.open(real, os.O_WRONLY))
    except OSError as error:
        msg = f"{setting}: {path} cannot be written ({error.strerror or type(error).__name__})."
        raise SettingsError(msg) from None
    check_folder(real.parent, setting)


def make_private_folder(folder: Path, setting: str) -> bool:
    """Make a folder that only this user can open. A folder that is there stays as it is.

    Returns:
        Whether it was made.

    Raises:
        ConnectorError: It cannot be made.
    """
    with path_errors(setting, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            if not folder.is_dir():
                raise
            return False
        sync_folder(folder.parent)
        return True


def create_private(path: Path) -> BinaryIO:
    """Create a new file, mode 0600, for binary writing; never follow a link and never reuse a file."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE), "wb")


def lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Lock a file until it is closed. Returns False where another process has it locked."""
    try:
        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes a file's place at the end, whole or not at all, mode 0600, and durably.

    Of a link, the file behind it is replaced.
    """
    real = Path(os.path.realpath(path))
    beside = real.with_name(f".{real.name[:200]}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    try:
        with create_private(beside) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(real)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(real.parent)


def replace_privately(path: Path, content: bytes) -> None:
    """Replace a file's content; see `replacement`."""
    with replacement(path) as file:
        file.write(content)
