"""The ledger's file: its key, its format version, its migration, and the name of the account in its hashes."""

from __future__ import annotations

import contextlib
import errno
import hmac
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lead_connectors.delivery.errors import LedgerError
from lead_connectors.delivery.private_files import FILE_MODE, create_private
from lead_connectors.plugin.errors import ConnectorError, SettingsError

logger = logging.getLogger(__name__)

HASH_BYTES = 16
KEY_BYTES = 32
FORMAT = 2
"""Kept in SQLite's `user_version`. Format 1, of the first releases, left it at 0."""
FORMAT_1 = b"format 1"
"""Marks, among the accounts, a ledger that was migrated from format 1."""
BUSY_SECONDS = 30.0
NO_ROOM = ("disk is full", "disk I/O error")

TABLES = """
CREATE TABLE IF NOT EXISTS key_check (hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (credential BLOB PRIMARY KEY, organisation BLOB, name BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leads
    (record BLOB PRIMARY KEY, digest BLOB NOT NULL, accepted_at REAL NOT NULL, has_key INTEGER NOT NULL DEFAULT 1,
     lead_id TEXT, lead BLOB, left_out TEXT NOT NULL DEFAULT '', opt_outs TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS leads_by_lead ON leads (lead);
CREATE TABLE IF NOT EXISTS identities
    (identity BLOB PRIMARY KEY, record BLOB NOT NULL, field TEXT NOT NULL DEFAULT '',
     is_given_up INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identities_by_record ON identities (record);
CREATE TABLE IF NOT EXISTS open_opt_outs
    (lead BLOB PRIMARY KEY, account BLOB NOT NULL, lead_id TEXT NOT NULL, record BLOB NOT NULL, fields TEXT NOT NULL,
     filed_in TEXT NOT NULL DEFAULT '', is_gone INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS open_opt_outs_by_record ON open_opt_outs (record);
"""

FROM_FORMAT_1 = """
ALTER TABLE leads ADD COLUMN has_key INTEGER NOT NULL DEFAULT 1;
ALTER TABLE leads ADD COLUMN lead_id TEXT;
ALTER TABLE leads ADD COLUMN lead BLOB;
ALTER TABLE leads ADD COLUMN left_out TEXT NOT NULL DEFAULT '';
ALTER TABLE leads ADD COLUMN opt_outs TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN field TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN is_given_up INTEGER NOT NULL DEFAULT 0;
INSERT INTO leads (record, digest, accepted_at, has_key)
    SELECT DISTINCT record, x'', 0, 0 FROM identities WHERE record NOT IN (SELECT record FROM leads);
"""
"""Format 1 kept no row for a record without a key, no lead id, and did not say of which field an identity is."""


class LedgerFile:
    """An open ledger: the database, and hashes that only its key can make.

    Args:
        path: The SQLite file (`ledger_path`). None: a private file of the process, gone with it.
        credential: Host and key of the account; format 1 named the account by it.
        organisation: Asks the API for an id of the account that outlives its keys; None where it does not tell.
        read_only: Write nothing to the file, and make none (a dry run): what is written goes to a copy.

    Attributes:
        database: The open database.
        is_kept: Whether anything outlives the process.

    Raises:
        SettingsError: The file, its key, its format or its account is not what this run can use.
    """

    def __init__(
        self, path: Path | None, *, credential: str, organisation: Callable[[], str | None], read_only: bool
    ) -> None:
        if read_only and path is not None and not (path.exists() and path.stat().st_size):
            path = None
        self.is_kept = path is not None
        self._path = path
        self._key = secrets.token_bytes(KEY_BYTES)
        self._name = ""
        try:
            if path is not None:
                self._key = self._read_key(path)
            self.database = self._open(read_only=read_only and path is not None)
            if path is not None:
                self._check_key()
                self._name = self._account_name(credential, organisation)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from None

    def hash(self, kind: str, content: object) -> bytes:
        """Keyed hash (HMAC-SHA256) of something that belongs to the account."""
        return self._mac(f"{kind}\0{self._name}\0{content}")[:HASH_BYTES]

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Tell a fault of the file during a run in a sentence, such as a full disk.

        Raises:
            LedgerError: The file cannot be read or written any more.
        """
        try:
            yield
        except sqlite3.Error as error:
            msg = (
                f"ledger_path: {self._path or 'the temporary file'} can no longer be used ({error}). Nothing is lost: "
                "see to the disk, and run again."
            )
            raise LedgerError(msg) from None

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    # The key

    def _read_key(self, path: Path) -> bytes:
        path.parent.mkdir(parents=True, exist_ok=True)
        key_path = path.with_name(f"{path.name}.key")
        if path.exists() and path.stat().st_size and not key_path.exists():
            msg = (
                f"ledger_path: {path} is there, but its key {key_path.name} is not, so nothing in it can be read. Put "
                "the key back beside it. Without it, move the ledger away: all leads are then sent once more."
            )
            raise SettingsError(msg)
        if not key_path.exists():
            self._make_key(key_path)
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
        key = key_path.read_bytes()
        if len(key) != KEY_BYTES:
            msg = (
                f"ledger_path: the key {key_path.name} beside {path} is damaged (it has {len(key)} of {KEY_BYTES} "
                "bytes). Put the right one back. Without it, move ledger and key away: all leads are then sent once "
                "more."
            )
            raise SettingsError(msg)
        return key

    @staticmethod
    def _make_key(key_path: Path) -> None:
        beside = key_path.with_name(f".{key_path.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        with create_private(beside) as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: of two runs that start at once, one key wins, whole.
        with contextlib.suppress(FileExistsError):
            os.link(beside, key_path)
        beside.unlink()

    def _check_key(self) -> None:
        """Hold the key against the mark that it left; the first run with this format leaves it."""
        mark = self._mac("key_check")
        row = self.database.execute("SELECT hash FROM key_check").fetchone()
        if row is None:
            self.database.execute("INSERT INTO key_check VALUES (?)", (mark,))
        elif row[0] != mark:
            msg = (
                f"ledger_path: the key beside {self._path} belongs to another ledger. Put the right one back. Without "
                "it, move ledger and key away: all leads are then sent once more."
            )
            raise SettingsError(msg)

    # The format

    def _open(self, *, read_only: bool) -> sqlite3.Connection:
        # An empty name is SQLite's private temporary file: bounded memory, gone with the process.
        database = sqlite3.connect(
            str(self._path or ""), timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        found = database.execute("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            msg = (
                f"ledger_path: {self._path} was written by a newer release (format {found}, this one knows {FORMAT}). "
                "Use that release, or name another file: all leads are then sent once more."
            )
            raise SettingsError(msg)
        if read_only:
            copy = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            database.backup(copy)
            database.close()
            database = copy
        elif self._path is not None:
            _use_wal(database)
            # A killed process loses nothing. A power cut may lose the newest rows, which are then sent again.
            database.execute("PRAGMA synchronous = NORMAL")
        else:
            database.execute("PRAGMA journal_mode = MEMORY")
        _in_one_transaction(database, self._prepare)
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        # Looked at once more under the lock: another run may have made or migrated it meanwhile.
        found = database.execute("PRAGMA user_version").fetchone()[0]
        is_format_1 = found == 0 and _table_exists(database, "leads")
        script = (FROM_FORMAT_1 if is_format_1 else "") + TABLES
        for statement in filter(str.strip, script.split(";")):
            database.execute(statement)
        if is_format_1:
            database.execute("INSERT INTO accounts VALUES (?, NULL, x'')", (FORMAT_1,))
        database.execute(f"PRAGMA user_version = {FORMAT}")

    # The account

    def _account_name(self, credential: str, organisation: Callable[[], str | None]) -> str:
        """The account's name in the ledger's hashes: it outlives its keys, because an account is its organisation.

        Raises:
            SettingsError: It is not known whether another key belongs to the same account.
        """
        own = self._mac(f"credential\0{credential}")
        rows = self.database.execute("SELECT credential, organisation, name FROM accounts").fetchall()
        was_format_1 = any(row[0] == FORMAT_1 for row in rows)
        known = {row[0]: row for row in rows if row[0] != FORMAT_1}
        if own in known and known[own][1] is not None:
            return self._sealed(known[own][2], own).decode()
        asked = organisation()
        told = None if asked is None else self._mac(f"organisation\0{asked}")
        same = next((row for row in known.values() if row[0] == own or (told is not None and row[1] == told)), None)
        if same is not None:
            name = self._sealed(same[2], same[0]).decode()
        elif known and (told is None or any(row[1] is None for row in known.values())):
            msg = (
                f"ledger_path: {self._path} was written with another key, and the API did not say whether both keys "
                "are of one account. While the former key is valid, give both the permission to read the account's "
                "organisation, run once with the former and then with the new one. Otherwise name another ledger: all "
                "leads are then sent once more."
            )
            raise SettingsError(msg)
        else:
            if was_format_1 and not known:
                logger.warning(
                    "ledger_path: %s is from an earlier release, which knew leads by the account's key. Where the key "
                    "was changed since the last run, all leads are sent once more.",
                    self._path,
                )
            name = credential if was_format_1 else asked or secrets.token_hex(KEY_BYTES)
        row = (own, told, self._sealed(name.encode(), own))
        self.database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", row)
        return name

    def _sealed(self, text: bytes, credential: bytes) -> bytes:
        """An account's name, hidden or shown again by the key: format 1 named accounts by a secret."""
        blocks = range(len(text) // KEY_BYTES + 1)
        stream = b"".join(self._mac(f"name\0{credential.hex()}\0{block}") for block in blocks)
        return bytes(one ^ other for one, other in zip(text, stream, strict=False))

    def _unusable(self, error: Exception) -> ConnectorError:
        if getattr(error, "errno", None) == errno.ENOSPC or any(text in str(error) for text in NO_ROOM):
            return LedgerError(
                f"ledger_path: there is no room for {self._path} ({error}). Nothing is lost: make room, and run again."
            )
        if "locked" in str(error):
            return SettingsError(
                f"ledger_path: {self._path} is in use by another run. Wait until it has ended, or give each of runs "
                "that overlap a ledger of its own."
            )
        reason = getattr(error, "strerror", None) or "it is no ledger"
        return SettingsError(
            f"ledger_path: {self._path} cannot be used ({reason}). Name a file in a folder that can be written."
        )


def _table_exists(database: sqlite3.Connection, name: str) -> bool:
    select = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return database.execute(select, (name,)).fetchone() is not None


def _use_wal(database: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait by itself where several runs start at once."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _in_one_transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        work(database)
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
