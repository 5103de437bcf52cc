"""The LeadSquared API and its leads; see `docs/api/leadsquared.md`."""
