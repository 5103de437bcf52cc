"""`python -m target_carecycle`."""

from target_carecycle.target import TargetCareCycle

TargetCareCycle.cli()
