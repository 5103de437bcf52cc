"""The ledger: which lead each record became, how it looked when it was last accepted, and whose each identifier is.

It holds keyed hashes and the API's lead ids (`ledger_file.py`): without its key, a phone or Medicare number could be
found by hashing all of them. It keeps the latest hash of each lead, so that a value that goes from A to B and back to
A is sent.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger_file import LedgerFile
from lead_connectors.delivery.outcome import id_key
from lead_connectors.delivery.plan import Known, Send

RECENT_HASHES = 1 << 13
UPSERT = """
INSERT INTO leads (record, digest, accepted_at, has_key, lead_id, lead, left_out)
    VALUES (:record, :digest, :at, :has_key, :lead_id, :lead, :left_out)
ON CONFLICT (record) DO UPDATE SET digest = :digest, accepted_at = :at, left_out = :left_out,
    lead_id = coalesce(:lead_id, lead_id), lead = coalesce(:lead, lead)
"""


@dataclass(frozen=True)
class Accepted:
    """A lead that the API took.

    Attributes:
        plan: What was sent.
        lead_id: The API's id of the lead, where it gave one.
    """

    plan: Send
    lead_id: str | None = None


@dataclass(frozen=True)
class OpenOptOut:
    """Opt-outs that were raised on a lead and not seen there yet.

    Attributes:
        fields: The opt-out fields.
        filed_in: The folder of the reject file that holds the record: a person who takes it out there acknowledges it.
    """

    fields: frozenset[str]
    filed_in: str = ""


class Ledger:
    """The ledger of one account.

    Args:
        path: The SQLite file (`ledger_path`). None: nothing is kept after the run; who is who is known during the run.
        credential: Host and key of the account.
        organisation: Asks the API for an id of the account that outlives its keys; None where it does not tell.
        read_only: Write nothing to the file, and make none (a dry run).

    Raises:
        SettingsError: The file cannot be used.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        credential: str,
        organisation: Callable[[], str | None] = lambda: None,
        read_only: bool = False,
    ) -> None:
        self._file = LedgerFile(path, credential=credential, organisation=organisation, read_only=read_only)
        self._db = self._file.database
        # A lead is looked up, accepted and read back within one batch or two.
        self._hash = functools.lru_cache(maxsize=RECENT_HASHES)(self._file.hash)
        self._account = self._hash("account", "")
        self._has_old_identities = self._exists("SELECT 1 FROM identities WHERE field = ''")
        self._has_open = self._exists("SELECT 1 FROM open_opt_outs")
        self._has_given_up = self._exists("SELECT 1 FROM identities WHERE is_given_up")

    @property
    def is_kept(self) -> bool:
        """Whether the next run will know what this one accepted."""
        return self._file.is_kept

    # Who a record is

    def look_up(self, lead: Lead, *, compare: bool = True) -> Known:
        """What is known of a lead.

        Args:
            lead: The lead.
            compare: Whether to compare what would be sent with what was last accepted (not with `resend`).
        """
        with self._file.told():
            return self._look_up(lead, compare=compare)

    def _look_up(self, lead: Lead, *, compare: bool) -> Known:
        record = self._record(lead)
        select = "SELECT digest, accepted_at, lead_id, left_out, opt_outs FROM leads WHERE record = ?"
        row = self._db.execute(select, (record,)).fetchone()
        if row is None:
            owned, own, given_up = self._owners(lead, record)
            return Known(owned_by_others=owned, given_up=given_up)
        digest, accepted_at, lead_id, left_out, opt_outs = row
        is_same = compare and self._file.is_kept and self._is_same(lead, record, digest)
        is_same = is_same and not self._has_open_opt_outs(record)
        if is_same and not left_out:
            self._take_back(record)
            return Known(is_known=True, accepted_at=accepted_at, is_unchanged=True, lead_id=lead_id)
        owned, own, given_up = self._owners(lead, record)
        # A field that was left out for another lead's sake is due as soon as it is free.
        is_whole = _names(left_out) <= set(owned)
        return Known(
            is_known=True,
            accepted_at=accepted_at,
            is_unchanged=is_same and is_whole,
            owned_by_others=owned,
            own=own,
            given_up=given_up,
            lead_id=lead_id,
            opt_outs=_names(opt_outs),
        )

    def belongs_to_another(self, lead_id: str, lead: Lead) -> bool:
        """Whether another record became this lead of the API."""
        row = self._db.execute("SELECT record FROM leads WHERE lead = ?", (self._lead(lead_id),)).fetchone()
        return row is not None and row[0] != self._record(lead)

    def accept(self, accepted: Iterable[Accepted], opted_out: Iterable[tuple[Lead, str]] = ()) -> None:
        """Note what the API took, in one transaction, durable against a kill.

        Args:
            accepted: The leads.
            opted_out: Leads whose opt-outs were raised and are still to be confirmed, with their lead ids.
        """
        leads = list(accepted)
        with self._transaction():
            # Without key and identifier, nothing tells a record's next version from somebody else's.
            rows = [self._row(one) for one in leads if one.plan.lead.key is not None or one.plan.lead.unique]
            try:
                self._db.executemany(UPSERT, rows)
            except sqlite3.IntegrityError:
                # One lead, one record: with `on_conflict: overwrite`, the later record has it.
                for row in rows:
                    self._db.execute("UPDATE leads SET lead_id = NULL, lead = NULL WHERE lead = :lead", row)
                    self._db.execute(UPSERT, row)
            for one in leads:
                self._remember_opt_outs(one.plan.lead, self._record(one.plan.lead))
            self._own([one.plan for one in leads])
            for lead, lead_id in opted_out:
                self._open_opt_outs(lead, lead_id)

    def forget_lead(self, lead: Lead) -> None:
        """Forget the API's lead of a record: it no longer exists there."""
        record = (self._record(lead),)
        with self._transaction():
            self._db.execute(
                "UPDATE open_opt_outs SET is_gone = 1 WHERE lead = (SELECT lead FROM leads WHERE record = ?)", record
            )
            self._db.execute("UPDATE leads SET lead_id = NULL, lead = NULL, digest = x'' WHERE record = ?", record)

    def identify(self, lead: Lead, lead_id: str | None, *, is_foreign: bool = False) -> None:
        """Note which lead of the API an accepted record became, as a look-up told afterwards.

        Args:
            lead: The record's lead.
            lead_id: The API's id; None where nobody was found.
            is_foreign: It was another record's lead: what was accepted counts for nothing.
        """
        record = self._record(lead)
        with self._transaction():
            if lead_id is not None:
                found = (lead_id, self._lead(lead_id), record)
                self._db.execute("UPDATE leads SET lead_id = ?, lead = ? WHERE record = ?", found)
            if is_foreign:
                self._db.execute("UPDATE leads SET digest = x'' WHERE record = ?", (record,))
                self._db.execute("DELETE FROM identities WHERE record = ?", (record,))

    def give_up(self, lead: Lead) -> None:
        """Note that a record has other identifiers now, though its lead could not take them: the old ones are free."""
        record = self._record(lead)
        self._has_given_up = True
        self._change(
            "UPDATE identities SET is_given_up = 1 WHERE record = ? AND field = ? AND identity <> ?",
            [(record, name, self._hash("identity", identity)) for name, identity in lead.unique.items()],
        )

    def release(self, lead: Lead, fields: Iterable[str]) -> None:
        """Note that the leads that had these values of a lead no longer have them: they are not as they were sent."""
        freed = [(self._hash("identity", lead.unique[name]),) for name in fields]
        with self._transaction():
            self._db.executemany(
                "UPDATE leads SET digest = x'' WHERE record = (SELECT record FROM identities WHERE identity = ?)", freed
            )
            self._db.executemany("DELETE FROM identities WHERE identity = ?", freed)

    def _take_back(self, record: bytes) -> None:
        """A record that is accepted, or is as it was, has not given up what its lead still has."""
        if self._has_given_up:
            self._db.execute("UPDATE identities SET is_given_up = 0 WHERE record = ? AND is_given_up", (record,))

    # Opt-outs that are not confirmed

    def open_opt_outs(self) -> dict[str, OpenOptOut]:
        """By lead id: what was raised and not confirmed by the runs before."""
        select = "SELECT lead_id, fields, filed_in FROM open_opt_outs WHERE account = ?"
        rows = self._db.execute(select, (self._account,)).fetchall()
        return {row[0]: OpenOptOut(_names(row[1]), row[2]) for row in rows}

    def gone_opt_outs(self, lead: Lead) -> set[str]:
        """Ids of leads with open opt-outs that were this record's and no longer exist."""
        select = "SELECT lead_id FROM open_opt_outs WHERE record = ? AND is_gone"
        return {row[0] for row in self._db.execute(select, (self._record(lead),))} if self._has_open else set()

    def confirm_opt_outs(self, lead_ids: Iterable[str]) -> None:
        """These are on their leads, or a person has acknowledged them."""
        self._change("DELETE FROM open_opt_outs WHERE lead = ?", [(self._lead(lead_id),) for lead_id in lead_ids])

    def file_opt_outs(self, lead_ids: Iterable[str], folder: str) -> None:
        """The records of these stand as open in a reject file in this folder."""
        rows = [(folder, self._lead(lead_id)) for lead_id in lead_ids]
        self._change("UPDATE open_opt_outs SET filed_in = ? WHERE lead = ?", rows)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Make one change for each row, all or none; without rows the file is not locked."""
        if rows:
            with self._transaction():
                self._db.executemany(statement, rows)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._file.told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _row(self, accepted: Accepted) -> dict[str, object]:
        lead = accepted.plan.lead
        return {
            "record": self._record(lead),
            "digest": self._digest(lead, lead.map_version),
            "at": lead.rejected_at or time.time(),  # of a reject that is sent again: how old this version is
            "has_key": lead.key is not None,
            "lead_id": accepted.lead_id,
            "lead": None if accepted.lead_id is None else self._lead(accepted.lead_id),
            "left_out": ",".join(sorted(accepted.plan.left_out)),
        }

    def _open_opt_outs(self, lead: Lead, lead_id: str) -> None:
        # Whose lead is gone has them on the new one.
        self._db.execute("DELETE FROM open_opt_outs WHERE record = ? AND is_gone", (self._record(lead),))
        row = self._db.execute("SELECT fields FROM open_opt_outs WHERE lead = ?", (self._lead(lead_id),)).fetchone()
        fields = lead.opt_outs | _names(row[0] if row else "")
        self._db.execute(
            "INSERT OR REPLACE INTO open_opt_outs (lead, account, lead_id, record, fields) VALUES (?, ?, ?, ?, ?)",
            (self._lead(lead_id), self._account, lead_id, self._record(lead), ",".join(sorted(fields))),
        )
        self._has_open = True
        self._remember_opt_outs(lead, self._record(lead))

    def _remember_opt_outs(self, lead: Lead, record: bytes) -> None:
        """A lead that vanishes and is introduced anew must have them again, whatever its record says by then."""
        if not lead.opt_outs:
            return
        row = self._db.execute("SELECT opt_outs FROM leads WHERE record = ?", (record,)).fetchone()
        if row is not None and not lead.opt_outs <= _names(row[0]):
            names = ",".join(sorted(lead.opt_outs | _names(row[0])))
            self._db.execute("UPDATE leads SET opt_outs = ? WHERE record = ?", (names, record))

    def _own(self, plans: Sequence[Send]) -> None:
        """Give records their identifiers. One that a record no longer names stays its own until another replaces it."""
        replaced, identities = [], []
        for plan in plans:
            record = self._record(plan.lead)
            hashes = {name: self._hash("identity", identity) for name, identity in plan.unique.items()}
            if plan.is_known:
                emptied = [name for name, value in plan.fields.items() if value is None]
                replaced += [(record, name) for name in (*hashes, *emptied)]
            self._take_back(record)
            if self._has_old_identities:
                self._drop_replaced(record, set(hashes.values()))
            identities += [(identity, record, name) for name, identity in hashes.items()]
        self._db.executemany("DELETE FROM identities WHERE record = ? AND field = ?", replaced)
        self._db.executemany("INSERT OR REPLACE INTO identities (identity, record, field) VALUES (?, ?, ?)", identities)

    def _drop_replaced(self, record: bytes, now: set[bytes]) -> None:
        """Format 1 did not say of which field an identity is: as many as have new values have replaced old ones."""
        select = "SELECT identity FROM identities WHERE record = ? AND field = ''"
        old = {row[0] for row in self._db.execute(select, (record,))}
        if old and len(now - old) >= len(old - now):
            self._db.execute("DELETE FROM identities WHERE record = ? AND field = ''", (record,))

    def _is_same(self, lead: Lead, record: bytes, digest: bytes) -> bool:
        if digest == self._digest(lead, lead.map_version):
            return True
        if not lead.former_map_version or digest != self._digest(lead, lead.former_map_version):
            return False
        new = (self._digest(lead, lead.map_version), record)
        self._db.execute("UPDATE leads SET digest = ? WHERE record = ?", new)
        return True

    def _digest(self, lead: Lead, map_version: str) -> bytes:
        """Keyed hash of all that would be sent for a lead, independent of the order of its fields."""
        content = [map_version, lead.fields, sorted(lead.opt_outs)]
        return self._hash("digest", json.dumps(content, sort_keys=True, separators=(",", ":"), default=str))

    def _has_open_opt_outs(self, record: bytes) -> bool:
        return self._has_open and self._exists("SELECT 1 FROM open_opt_outs WHERE record = ?", record)

    def _exists(self, select: str, *values: object) -> bool:
        return self._db.execute(f"{select} LIMIT 1", values).fetchone() is not None

    def _owners(self, lead: Lead, record: bytes) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
        """API fields whose value is another record's, its own, or given up by another, with the id of its lead."""
        owned, own, given_up = [], [], {}
        select = (
            "SELECT identities.record, is_given_up, lead_id FROM identities LEFT JOIN leads USING (record) "
            "WHERE identity = ?"
        )
        for name, identity in lead.unique.items():
            row = self._db.execute(select, (self._hash("identity", identity),)).fetchone()
            if row is None:
                continue
            if row[0] == record:
                own.append(name)
            elif row[1] and row[2] is not None:
                given_up[name] = row[2]
            else:
                owned.append(name)
        return tuple(owned), tuple(own), given_up

    def _record(self, lead: Lead) -> bytes:
        if lead.key is not None:
            return self._hash("record", json.dumps(lead.key, default=str))
        if self._has_old_identities:
            # Format 1 knew a record without a key by all its identifiers.
            old = self._hash("record", json.dumps(["", *sorted(lead.unique.values())]))
            if self._exists("SELECT 1 FROM leads WHERE record = ?", old):
                return old
        # Now by the one that finds its lead first: whoever has another one is somebody else, even on the same phone.
        return self._hash("record", json.dumps(["", next(iter(lead.unique.values()), "")]))

    def _lead(self, lead_id: str) -> bytes:
        return self._hash("lead", id_key(lead_id))


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))
