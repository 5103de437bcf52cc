"""The house's own rules: which package may import which, no circle, no long module (docs/architecture.md)."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 400
SHARED = "lead_connectors"

MAY_IMPORT = {
    "tap_carecycle": {f"{SHARED}.plugin", f"{SHARED}.http", f"{SHARED}.carecycle"},
    "target_carecycle": {SHARED},
    "target_leadsquared": {SHARED},
    f"{SHARED}.delivery": {f"{SHARED}.field_map", f"{SHARED}.http", f"{SHARED}.plugin", f"{SHARED}.reject_codes"},
    f"{SHARED}.field_map": {f"{SHARED}.plugin", f"{SHARED}.reject_codes"},
    f"{SHARED}.carecycle": {f"{SHARED}.http", f"{SHARED}.plugin"},
    f"{SHARED}.http": {f"{SHARED}.plugin"},
    f"{SHARED}.plugin": set(),
    f"{SHARED}.reject_codes": set(),
    "sandbox": set(),
}
"""Room to the rooms that it may import besides itself."""
OURS = {name.partition(".")[0] for name in MAY_IMPORT} | {"tests", "scripts", "examples"}


@functools.cache
def modules() -> dict[str, Path]:
    """Each module of the rooms by its dotted name."""
    found = {}
    for top in sorted({name.partition(".")[0] for name in MAY_IMPORT}):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path) -> Iterator[str]:
    """All that a module imports of ours, for type checking too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.partition(".")[0] in OURS:
                yield name if name in modules() else name.rpartition(".")[0]


def is_inside(name: str, room: str) -> bool:
    """Whether a module lies in a room."""
    return name == room or name.startswith(f"{room}.")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_down_only(room: str) -> None:
    allowed = {room, *MAY_IMPORT[room]}
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules().items()
        if is_inside(name, room)
        for imported in imports(path)
        if not any(is_inside(imported, other) for other in allowed)
    ]
    assert not wrong


def test_every_module_lies_in_a_room() -> None:
    rooms = {*MAY_IMPORT, SHARED}
    assert [name for name in modules() if not any(is_inside(name, room) for room in rooms)] == []
    shared = {name for name in modules() if is_inside(name, SHARED) and name != SHARED}
    assert all(any(is_inside(name, room) for room in MAY_IMPORT) for name in shared)


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {name: set(imports(path)) - {name} for name, path in modules().items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_no_module_is_long() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules().items()}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_only_the_vendors_rooms_know_a_vendor() -> None:
    for name, path in modules().items():
        if is_inside(name, SHARED) and not is_inside(name, f"{SHARED}.carecycle"):
            text = path.read_text(encoding="utf-8").lower()
            assert "leadsquared" not in text, name
            assert "carecycle" not in text, name
