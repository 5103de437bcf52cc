"""Opt-outs that were raised and have not been seen on their leads yet.

An opt-out is done when it was read back. Until then its record stands in a reject file as `opt_out_open`, and the
ledger knows it: a run that is killed, or a reading that fails, leaves it to the next run, which tries it first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from lead_connectors.delivery.destination import ConfirmsOptOuts, Destination
from lead_connectors.delivery.errors import PersonNeededError
from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.ledger import Ledger
from lead_connectors.delivery.outcome import Outcome, Status
from lead_connectors.delivery.rejects import RejectStore
from lead_connectors.delivery.report import Report
from lead_connectors.http.errors import StoppedError
from lead_connectors.plugin.errors import ConnectorError
from lead_connectors.reject_codes import RejectCode

logger = logging.getLogger(__name__)


class OptOuts:
    """Follows raised opt-outs until they were read back.

    Args:
        destination: Reads them back, where it can.
        ledger: Knows what earlier runs left open.
        rejects: Keeps the records of those that are open.
        report: Counts them.

    Attributes:
        need_person: Whether a person has to look at what this run left open.
    """

    def __init__(self, destination: Destination, ledger: Ledger, rejects: RejectStore, report: Report) -> None:
        self._confirms = destination if isinstance(destination, ConfirmsOptOuts) else None
        self._ledger = ledger
        self._rejects = rejects
        self._report = report
        self._raised: dict[str, list[tuple[Lead, Outcome]]] = {}
        self._left_open: set[str] = set()
        self._gone: set[str] = set()
        self.need_person = False

    def write_down(self, lead: Lead, lead_id: str) -> None:
        """Keep the record of a lead whose opt-outs were raised, before a STATE covers it."""
        self._gone |= self._ledger.gone_opt_outs(lead)
        self._rejects.keep_open(lead, lead_id, lead.opt_outs)

    def follow(self, lead: Lead, outcome: Outcome, lead_id: str) -> None:
        """Follow opt-outs that are written down; reads back what fills a reading."""
        self._raised.setdefault(lead_id, []).append((lead, outcome))
        if self._confirms is not None and len(self._raised) >= self._confirms.max_read:
            self.read_back()

    def read_back(self) -> None:
        """Read back what was raised. What is not there, and what cannot be read, is open."""
        raised, self._raised = self._raised, {}
        fields = {
            lead_id: frozenset[str]().union(*(lead.opt_outs for lead, _ in raised[lead_id])) for lead_id in raised
        }
        try:
            stayed = self._read(fields)
        except StoppedError:
            self._raised = raised
            raise
        self._ledger.confirm_opt_outs(stayed)
        for lead_id in stayed:
            for lead, outcome in raised.pop(lead_id):
                self._report.opt_outs_raised += 1
                self._rejects.forget(lead)
                if outcome.status is Status.REJECTED:
                    self._rejects.add(lead, outcome)  # it stays a reject, though no longer an open one
        self._settle(stayed | self._gone)
        self._gone.clear()
        self._leave_open(raised)

    def check(self) -> None:
        """Stop the run where opt-outs are open.

        Raises:
            PersonNeededError: A person has to raise or acknowledge them.
        """
        if self.need_person or self._left_open:
            msg = (
                f"{self._report.opt_outs_open} opt-outs are open: no call would take them, or they are not on their "
                "leads. Their records are in the reject files; raise them by hand. The next run tries those with the "
                f"code {RejectCode.OPT_OUT_OPEN.value} first. To acknowledge one, take its record out of its file."
            )
            raise PersonNeededError(msg)

    def end(self) -> None:
        """The run ends: what was not read back stays open for the next one."""
        raised, self._raised = self._raised, {}
        self._leave_open(raised)

    def retry(self) -> None:
        """Try what earlier runs left open: read it back, raise it once more, and read it back again."""
        if self._confirms is None:
            return
        is_open = self._open_from_before()
        if not is_open:
            return
        logger.info("Opt-outs of %d leads are open from an earlier run: they are tried first.", len(is_open))
        stayed = self._read(is_open)
        self._done_at_last(stayed)
        left = {lead_id: fields for lead_id, fields in is_open.items() if lead_id not in stayed}
        try:
            for group in _groups(left, self._confirms.max_read):
                self._confirms.raise_opt_outs(group)
        except StoppedError:
            raise
        except ConnectorError as error:
            logger.warning("Opt-outs could not be raised once more: %s", error)
        else:
            stayed = self._read(left) if left else set()
            self._done_at_last(stayed)
            left = {lead_id: fields for lead_id, fields in left.items() if lead_id not in stayed}
        self._left_open = set(left)
        self._report.opt_outs_open += len(left)

    def _open_from_before(self) -> dict[str, frozenset[str]]:
        """By lead id, what earlier runs left open, less what a person has acknowledged."""
        filed = self._rejects.open_opt_outs()
        in_ledger = self._ledger.open_opt_outs()
        folder = self._rejects.folder
        self._ledger.file_opt_outs(filed, folder)
        # Only what was kept in this very folder can have been taken out of it.
        acknowledged = {
            lead_id for lead_id, one in in_ledger.items() if one.filed_in == folder != "" and lead_id not in filed
        }
        if acknowledged:
            self._ledger.confirm_opt_outs(acknowledged)
            logger.warning(
                "Opt-outs of %d leads are taken as acknowledged: their records were taken out of the reject files. "
                "Leads: %s.",
                len(acknowledged),
                ", ".join(sorted(acknowledged)),
            )
        known = {lead_id: one.fields for lead_id, one in in_ledger.items() if lead_id not in acknowledged}
        return {name: known.get(name, frozenset()) | filed.get(name, frozenset()) for name in {**known, **filed}}

    def _done_at_last(self, lead_ids: set[str]) -> None:
        self._ledger.confirm_opt_outs(lead_ids)
        self._rejects.settle(lead_ids)
        self._report.opt_outs_raised += len(lead_ids)

    def _leave_open(self, raised: Mapping[str, list[tuple[Lead, Outcome]]]) -> None:
        self._ledger.file_opt_outs(raised, self._rejects.folder)
        self._settle(raised)  # the newest record stands in this run's file
        for leads in raised.values():
            for lead, outcome in leads:
                self._report.opt_outs_open += 1
                self._report.recount(lead.stream, outcome, RejectCode.OPT_OUT_OPEN)
        self.need_person |= bool(raised)

    def _settle(self, lead_ids: set[str] | Mapping[str, object]) -> None:
        """Take records of earlier runs out of their files, where this run has done them or keeps newer ones."""
        if before := self._left_open.intersection(lead_ids):
            self._rejects.settle(before)
            self._report.opt_outs_open -= len(before)
            self._left_open -= before

    def _read(self, opt_outs: Mapping[str, frozenset[str]]) -> set[str]:
        """The ids of leads that have all their opt-outs; a reading that fails proves none."""
        seen: dict[str, bool] = {}
        if self._confirms is not None:
            for group in _groups(opt_outs, self._confirms.max_read):
                seen |= self._seen(group, self._confirms)
        return {lead_id for lead_id, is_there in seen.items() if is_there}

    @staticmethod
    def _seen(group: Mapping[str, frozenset[str]], confirms: ConfirmsOptOuts) -> dict[str, bool]:
        try:
            seen = confirms.read_opt_outs(group)
        except StoppedError:
            raise
        except ConnectorError as error:
            logger.warning("The opt-outs of %d leads could not be read back: %s", len(group), error)
            return {}
        missing = sorted(lead_id for lead_id in group if not seen.get(lead_id))
        if missing:
            logger.warning("Opt-outs are not on these leads: %s.", ", ".join(missing))
        return seen


def _groups(opt_outs: Mapping[str, frozenset[str]], size: int) -> Iterator[dict[str, frozenset[str]]]:
    ids = sorted(opt_outs)
    for start in range(0, len(ids), size):
        yield {lead_id: opt_outs[lead_id] for lead_id in ids[start : start + size]}
