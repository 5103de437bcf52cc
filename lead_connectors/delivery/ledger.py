"""The ledger: what each lead looked like when it was last accepted, and which record each identity belongs to.

It holds keyed hashes only (HMAC-SHA256, the key in a file of its own): without a key, a phone or Medicare number could
be found by hashing all of them. It keeps the latest hash of each lead, so that a value that goes from A to B and back
to A is sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.plan import Known, Send
from lead_connectors.delivery.private_files import FILE_MODE, create_private
from lead_connectors.plugin.errors import SettingsError

HASH_BYTES = 16


class Ledger:
    """The ledger of one account.

    Args:
        path: The SQLite file (`ledger_path`). None: nothing is kept after the run; identities are known during the run.
        account: Names the account; part of every hash, so that another account's ledger matches nothing.
        read_only: Look things up, write nothing, and make no file (a dry run).

    Raises:
        SettingsError: The file cannot be used.
    """

    def __init__(self, path: Path | None, *, account: str, read_only: bool = False) -> None:
        if read_only and path is not None and not path.exists():
            path = None
        self._is_kept = path is not None
        self._account = account
        try:
            self._key = _key_beside(path) if path else secrets.token_bytes(32)
            # An empty name is SQLite's private temporary file: bounded memory, gone with the process.
            self._db = sqlite3.connect(str(path or ""), timeout=30.0, isolation_level=None, check_same_thread=False)
            if path and read_only:
                self._db.execute("PRAGMA query_only = ON")
                return
            if path:
                self._db.execute("PRAGMA journal_mode = WAL")
                # A killed process loses nothing. A power cut may lose the newest rows, which are then sent again.
                self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(
                """
                CREATE TABLE IF NOT EXISTS leads
                    (record BLOB PRIMARY KEY, digest BLOB NOT NULL, accepted_at REAL NOT NULL) WITHOUT ROWID;
                CREATE TABLE IF NOT EXISTS identities
                    (identity BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
                CREATE INDEX IF NOT EXISTS identities_by_record ON identities (record);
                """
            )
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            msg = f"ledger_path: {path} cannot be used ({reason}). Name a file in a folder that can be written."
            raise SettingsError(msg) from None

    def look_up(self, lead: Lead, *, compare: bool = True) -> Known:
        """What is known of a lead.

        Args:
            lead: The lead.
            compare: Whether to compare what would be sent with what was last accepted (not with `resend`).
        """
        record = self._owner(lead)
        row = None
        if lead.key is not None:
            row = self._db.execute("SELECT digest, accepted_at FROM leads WHERE record = ?", (record,)).fetchone()
        accepted_at = None if row is None else row[1]
        if compare and row is not None and row[0] == self._digest(lead):
            return Known(accepted_at, is_unchanged=True)
        return Known(accepted_at, owned_by_others=tuple(self._owned_by_others(lead, record)))

    def accept(self, plans: Iterable[Send]) -> None:
        """Note leads that the API took, in one transaction, durable against a kill."""
        now = time.time()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for plan in plans:
                lead = plan.lead
                record = self._owner(lead)
                if self._is_kept and lead.key is not None:
                    self._db.execute("INSERT OR REPLACE INTO leads VALUES (?, ?, ?)", (record, self._digest(lead), now))
                self._db.execute("DELETE FROM identities WHERE record = ?", (record,))
                self._db.executemany(
                    "INSERT OR REPLACE INTO identities VALUES (?, ?)",
                    [(self._hash("identity", identity), record) for identity in plan.unique.values()],
                )
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _digest(self, lead: Lead) -> bytes:
        """Keyed hash of all that would be sent for a lead, independent of the order of its fields."""
        content = [lead.map_version, lead.fields, sorted(lead.opt_outs)]
        return self._hash("digest", json.dumps(content, sort_keys=True, separators=(",", ":"), default=str))

    def _owned_by_others(self, lead: Lead, record: bytes) -> Iterator[str]:
        """API fields of the lead whose value belongs to another record than its own."""
        for name, identity in lead.unique.items():
            select = "SELECT record FROM identities WHERE identity = ?"
            row = self._db.execute(select, (self._hash("identity", identity),)).fetchone()
            if row is not None and row[0] != record:
                yield name

    def _owner(self, lead: Lead) -> bytes:
        # A record without a key is the same record only while its identities are the same.
        return self._record(lead.key if lead.key is not None else ("", *sorted(lead.unique.values())))

    def _record(self, key: Hashable) -> bytes:
        return self._hash("record", json.dumps(key, default=str))

    def _hash(self, kind: str, content: Any) -> bytes:
        text = f"{kind}\0{self._account}\0{content}".encode()
        return hmac.new(self._key, text, hashlib.sha256).digest()[:HASH_BYTES]


def _key_beside(path: Path) -> bytes:
    """The ledger's key, made with the first ledger; both are for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key_path = path.with_name(f"{path.name}.key")
    if not key_path.exists():
        beside = path.with_name(f".{path.name}.key.{os.getpid()}")
        beside.unlink(missing_ok=True)
        with create_private(beside) as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: of two runs that start at once, one key wins, whole.
        with contextlib.suppress(FileExistsError):
            os.link(beside, key_path)
        beside.unlink()
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
    path.chmod(FILE_MODE)
    key_path.chmod(FILE_MODE)
    return key_path.read_bytes()
