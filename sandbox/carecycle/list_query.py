"""The query of the customer list: page, limit, sort order and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.carecycle.customer_filters import Filter, read_filters
from sandbox.carecycle.errors import Issue
from sandbox.carecycle.query_parser import MAX_LIMIT, QueryParser

SORT_FIELDS = ("createdAt", "firstName", "lastName", "callerId")
ALIASES = {
    "customerStatus": "status",
    "state": "states",
    "county": "counties",
    "policyType": "policyTypes",
    "customerCampaignStatus": "campaignStatus",
    "currentNodeId": "pulseNodeId",
    "sourceId": "sourceIds",
    "campaignId": "campaignIds",
    "agingInMonths": "agingIn",
}
"""The documentation pages do not show these parameters' names: the sandbox takes both likely ones."""


class QueryError(ValueError):
    """At least one parameter is invalid."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("invalid query")
        self.issues = issues


@dataclass
class ListQuery:
    """A valid query. `unknown` names the parameters that the API does not know."""

    page: int = 1
    limit: int = 50
    sort_by: str = "createdAt"
    descending: bool = True
    filters: list[Filter] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def read_query(query: Mapping[str, str], wire_names: Mapping[str, str]) -> ListQuery:
    """Read the parameters of the customer list.

    Args:
        query: The parameters of the request.
        wire_names: Other names on the wire, by documented name. The documented name is then unknown.

    Returns:
        The query. As in the real API, unknown parameters have no effect.

    Raises:
        QueryError: At least one known parameter is invalid.
    """
    documented_names = {wire_name: name for name, wire_name in wire_names.items()}
    renamed: dict[str, str] = {}
    unknown: list[str] = []
    for wire_name, value in query.items():
        if wire_name in wire_names and wire_name not in documented_names:
            unknown.append(wire_name)
            continue
        name = documented_names.get(wire_name, wire_name)
        renamed[ALIASES.get(name, name)] = value
    parser = QueryParser(renamed)
    list_query = ListQuery(
        page=parser.integer("page", 1),
        limit=parser.integer("limit", 50, MAX_LIMIT),
        sort_by=parser.choice("sortBy", "createdAt", SORT_FIELDS),
        descending=parser.choice("sortOrder", "desc", ("asc", "desc")) == "desc",
        filters=read_filters(parser),
    )
    list_query.unknown = [*unknown, *parser.unread]
    if parser.issues:
        raise QueryError(parser.issues)
    return list_query
