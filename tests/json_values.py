"""Any JSON that a server could send, as hypothesis strategies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.just("9" * 5000)
)


def nested(value: Any, depth: int = 1000) -> Any:
    """A value deeper than Python's own recursion likes."""
    for _ in range(depth):
        value = [value]
    return value


def json_with(keys: Sequence[str], texts: Sequence[str] = ()) -> st.SearchStrategy[Any]:
    """Any JSON, of which many objects have these keys and many texts are these."""
    leaves = SCALARS | st.sampled_from(texts) if texts else SCALARS
    names = st.sampled_from(keys) | st.text(max_size=4)
    return st.recursive(
        leaves | st.sampled_from([nested(1), {"a": nested(None)}]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
        max_leaves=16,
    )
