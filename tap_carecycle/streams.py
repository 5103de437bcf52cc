"""The streams: customers, and one for each array inside a customer."""

from __future__ import annotations

from tap_carecycle.stream import ChildStream, CustomersStream


class Customers(CustomersStream):
    """Every customer of the account."""

    name = "customers"
    primary_keys = ("id",)
    replication_key = "updatedAt"


class CustomerCampaigns(ChildStream):
    """Campaigns that a customer is or was in."""

    name = "customer_campaigns"
    array = "campaigns"


class CustomerCustomFields(ChildStream):
    """Custom field values."""

    name = "customer_custom_fields"
    array = "customFields"


class CustomerPolicies(ChildStream):
    """Policies."""

    name = "customer_policies"
    array = "policies"


class CustomerPrescriptions(ChildStream):
    """Prescriptions."""

    name = "customer_prescriptions"
    array = "prescriptions"


class CustomerProviders(ChildStream):
    """Doctors, hospitals and pharmacies."""

    name = "customer_providers"
    array = "providers"


class CustomerScopeOfAppointments(ChildStream):
    """Scopes of appointment; no page says that they carry an id, so their place is the key."""

    name = "customer_scope_of_appointments"
    array = "scopeOfAppointments"
    primary_keys = ("customer_id", "place")
    has_ids = False


class CustomerDependents(ChildStream):
    """Dependents: other people's data, social security numbers included."""

    name = "customer_dependents"
    array = "dependents"


CHILDREN: tuple[type[ChildStream], ...] = (
    CustomerCampaigns,
    CustomerCustomFields,
    CustomerPolicies,
    CustomerPrescriptions,
    CustomerProviders,
    CustomerScopeOfAppointments,
    CustomerDependents,
)
