"""Ids that do not depend on the seed, so that a test can name them."""

from __future__ import annotations

import uuid


def fixed_id(name: str) -> str:
    """Return the id that this name has in every sandbox."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{name}"))
