"""Runs the tap as ``python -m tap_carecycle``."""

from __future__ import annotations

from tap_carecycle.tap import TapCareCycle

TapCareCycle.cli()
