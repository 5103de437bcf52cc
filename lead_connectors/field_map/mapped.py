"""What a record becomes: the API's fields, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from lead_connectors.reject_codes import RejectCode


@dataclass(frozen=True)
class Problem:
    """Why a record cannot be sent as it is.

    Attributes:
        field: The API field.
        code: The reject code.
        reason: The rest of a sentence that starts with the field. It never holds a value.
    """

    field: str
    code: RejectCode
    reason: str

    @override
    def __str__(self) -> str:
        return f"{self.field} {self.reason}"


@dataclass
class Mapped:
    """A record after mapping.

    Attributes:
        fields: API field to converted value. None empties the field. A group is an object of its named fields. Opt-outs
            are among them, only ever true.
        opt_outs: The opt-outs that are true.
        problems: Why the record is rejected. `fields` holds its valid fields all the same.
        cut: The fields whose text was cut to its maximum length.
        warnings: Sentences about fields, without values.
    """

    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    opt_outs: dict[str, bool] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
