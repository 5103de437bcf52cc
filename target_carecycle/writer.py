"""Uploads leads to CareCycle, up to 100 a call."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from lead_connectors.delivery.lead import Lead
from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.writer import BatchWriter
from lead_connectors.http.errors import AmbiguousError, CallRejectedError, StoppedError, TransientError
from lead_connectors.http.session import ApiSession, Retry
from target_carecycle.response import blamed_records, read_upload, refusal_alone
from target_carecycle.upload_record import EXTERNAL_ID, build_lead, opt_out_lead

logger = logging.getLogger("target-carecycle")

UPLOAD = "/v2/leads/upload"
MOST_REPEATS = 3
"""An upload may start outreach and cost `leadCost`: after ambiguous answers it is sent again so often and no more."""
SECONDS_BETWEEN = 2.0


class CareCycleWriter(BatchWriter):
    """See `BatchWriter`.

    Args:
        session: The account's way to the API.
        batch_size: Leads a call.
        stopping: Set when the run is being stopped.
    """

    def __init__(self, session: ApiSession, batch_size: int, stopping: threading.Event) -> None:
        self._session = session
        self._stopping = stopping
        self.batch_size = batch_size

    def body(self, lead: Lead) -> dict[str, Any]:
        """The record of the upload."""
        return build_lead(lead.fields_sent())

    def opt_out_body(self, lead: Lead, clashed: Sequence[str]) -> dict[str, Any] | None:
        """Phone, place, external id and the flags that are true."""
        _ = clashed  # CareCycle tells customers apart by more than one field: none of them clashes
        return opt_out_lead(build_lead(lead.fields_sent()), lead.opt_outs)

    def call(self, bodies: Sequence[Any]) -> list[Outcome]:
        """Upload, again at most three times where it is not known what became of it."""
        for repeats in range(MOST_REPEATS + 1):
            try:
                answer = self._session.call("POST", UPLOAD, json={"records": list(bodies)}, retry=Retry.ASK)
            except AmbiguousError as error:
                if repeats == MOST_REPEATS:
                    msg = (
                        f"CareCycle gave no usable answer to an upload of {len(bodies)} leads, {repeats + 1} times. "
                        "They may have arrived. Nothing is lost: look in CareCycle, then run again."
                    )
                    raise TransientError(msg) from error
                logger.warning(
                    "%s. Uploading %d leads once more (%d of %d).", error, len(bodies), repeats + 1, MOST_REPEATS
                )
                if self._stopping.wait(SECONDS_BETWEEN * (repeats + 1)):
                    raise StoppedError(str(error)) from error
                self._session.count_retry()
            else:
                return read_upload(answer, [str(body.get(EXTERNAL_ID)) for body in bodies])
        raise AssertionError

    def blame(self, error: CallRejectedError) -> Iterable[int]:
        """`failedRecords[].index` or `errors[].path`."""
        return blamed_records(error.body)

    def refused(self, error: CallRejectedError) -> Outcome:
        """Read from the first of its errors."""
        return refusal_alone(error.body)
