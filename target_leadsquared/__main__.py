"""`python -m target_leadsquared`."""

from target_leadsquared.target import TargetLeadSquared

TargetLeadSquared.cli()
