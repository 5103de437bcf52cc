"""Destination: all that an API has to bring so that leads can be delivered to it."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from lead_connectors.delivery.outcome import Outcome
from lead_connectors.delivery.plan import Find, Free, OptOutsOnly, Send
from lead_connectors.field_map.api_fields import ApiFields
from lead_connectors.field_map.builtin import BuiltinMaps
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.field_map.mapped import Mapped, Problem
from lead_connectors.http.errors import CallRejectedError
from lead_connectors.http.session import ApiSession


@dataclass(frozen=True)
class Prepared:
    """What a destination adds to a mapped record.

    Attributes:
        fields: All fields to send, those that the destination adds among them.
        problems: Why the record cannot be sent as it is, those of the map first; empty where it can.
        unique: API field to an identity that only one lead can have ("EmailAddress:ann@example.com").
        shared: API field to an identity that several leads may have; order is kept by it.
        notes: Sentences about the record, without values; counted and logged once at the end.
    """

    fields: Mapping[str, Any] = field(repr=False)
    problems: Sequence[Problem] = ()
    unique: Mapping[str, str] = field(repr=False, default_factory=dict)
    shared: Mapping[str, str] = field(repr=False, default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FittedMap:
    """A stream's map as the account takes it, and what a person should know about it.

    Attributes:
        field_map: The map less what the account lacks.
        warnings: Sentences for the log, without values.
        notes: The same for what needs no action.
    """

    field_map: FieldMap
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()


class Destination(abc.ABC):
    """One account of one API, as delivery needs it.

    `body`, `opt_out_body`, `send`, `culprits`, `rejection` and what the protocols below ask for are called in worker
    threads, several at once: they change no attribute. All else is called in the main thread. A body is whatever the
    API's call takes for one lead; it is built once for each call.

    Attributes:
        session: The account's session.
        batch_size: Leads a call, at most.
    """

    session: ApiSession
    batch_size: int

    def call_of(self, plan: Send | OptOutsOnly | Free) -> str:
        """The name of the call that takes a plan. Plans of one call share batches."""
        _ = plan
        return ""

    def leads_a_call(self, call: str) -> int:
        """Leads that a call takes, at most; no call takes more than `batch_size`."""
        _ = call
        return self.batch_size

    # The map

    @property
    @abc.abstractmethod
    def api_fields(self) -> ApiFields:
        """The fields of the API's call, with what the account says about them."""

    @property
    def documented_fields(self) -> ApiFields:
        """The fields that are known without asking the account."""
        return self.api_fields

    @property
    def builtin_maps(self) -> BuiltinMaps:
        """The maps that are shipped as data. A new target usually has none."""
        return BuiltinMaps()

    def check_settings(self) -> None:  # noqa: B027  # nothing to check is the usual case
        """Check the settings against each other, without a call.

        Raises:
            SettingsError: They contradict each other.
        """

    def fit_to_account(self, field_map: FieldMap) -> FittedMap:
        """Take out of a stream's map what the account does not have.

        Raises:
            SettingsError: No record may be sent with this map.
        """
        return FittedMap(field_map)

    def map_version(self, version: str) -> str:
        """What tells a stream's map from others, from the map's own version. When it changes, all leads are resent."""
        return version

    # One record

    @abc.abstractmethod
    def prepare(self, mapped: Mapped, record: Mapping[str, Any], key: Sequence[Any]) -> Prepared:
        """Add what the API's call needs besides the map, and say what the record lacks.

        Args:
            mapped: The record, mapped; it is not changed.
            record: The record as it came.
            key: The values of its key properties; empty where it has none.
        """

    @abc.abstractmethod
    def body(self, plan: Send) -> Any:
        """What one lead is in the call's JSON: `plan.fields` in the API's form."""

    @abc.abstractmethod
    def opt_out_body(self, plan: OptOutsOnly) -> Any | None:
        """The least that raises the opt-outs of a lead that is not sent otherwise (`plan.lead.opt_outs`).

        Returns:
            What takes the place of `body` in the call; None where it could reach another lead than the person's own,
            or create one.
        """

    # Calls

    @abc.abstractmethod
    def send(self, call: str, bodies: Sequence[Any]) -> list[Outcome]:
        """Make one call and read its response into exactly one outcome a body, in order.

        Args:
            call: What `call_of` returned for each of them.
            bodies: At most `leads_a_call`.

        Raises:
            CallRejectedError: The API rejected the call as a whole.
            ConnectorError: The run has to end.
        """

    def culprits(self, error: CallRejectedError) -> Iterable[int]:
        """Positions (from 0) that a rejected call names as its cause; empty where it names none."""
        _ = error
        return ()

    @abc.abstractmethod
    def rejection(self, error: CallRejectedError) -> Outcome:
        """The outcome of a lead whose call was rejected while it stood alone."""

    # The account

    @abc.abstractmethod
    def check_credentials(self) -> str | None:
        """Make a harmless call.

        Returns:
            Whose account it is, where the API tells.

        Raises:
            SettingsError: The API does not take the credentials.
        """

    def organisation(self) -> str | None:
        """Ask for an id of the account that outlives its keys; None where the API does not tell."""
        return None

    def describe_account(self) -> list[str]:
        """Lines that `--check` shows besides address, quota and map."""
        return []


@runtime_checkable
class LeavesFieldsOut(Protocol):
    """A destination that knows which field of a lead is in conflict with another lead (`on_conflict: leave_out`)."""

    def can_send(self, plan: Send) -> bool:
        """Whether the API still finds the lead with the fields that a plan sends."""


@runtime_checkable
class FindsLeads(Protocol):
    """A destination whose leads can be looked up before something is written."""

    def find(self, plan: Find) -> str | None:
        """The API's id of the lead that is this person's own; None where there is none.

        Raises:
            CallRejectedError: It is not known whether there is one.
            ConnectorError: The run has to end.
        """


@runtime_checkable
class FreesFields(Protocol):
    """A destination that can empty fields of a lead by its id, so that another lead can have their values."""

    def free_body(self, plan: Free) -> Any:
        """What takes the place of `body` in the call."""


@runtime_checkable
class ConfirmsOptOuts(Protocol):
    """A destination whose leads can be read back, and be updated, by the id that it gave them."""

    max_read: int
    """Leads that one reading takes, at most."""

    def read_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> dict[str, bool]:
        """Read opt-outs back, one call.

        Args:
            opt_outs: Lead id to the opt-out fields that were raised; at most `max_read`.

        Returns:
            By the id of each lead that exists: whether all of its opt-outs are there.
        """

    def raise_opt_outs(self, opt_outs: Mapping[str, frozenset[str]]) -> None:
        """Raise opt-outs once more; what became of them shows when they are read back."""
