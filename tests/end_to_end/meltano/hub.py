"""Meltano Hub on loopback, serving the definitions of this repository."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from typing_extensions import override

from tests.end_to_end.meltano.project import ROOT

DATA = ROOT / "hub" / "_data"
PLUGIN_TYPES = (
    "extractors",
    "loaders",
    "transformers",
    "utilities",
    "transforms",
    "orchestrators",
    "mappers",
    "files",
)
# What the Hub shows on its pages and leaves out of its API.
PAGES_ONLY = {
    "definition",
    "domain_url",
    "keywords",
    "maintenance_status",
    "next_steps",
    "prereq",
    "quality",
    "settings_preamble",
    "usage",
}


def definitions() -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Yield kind, file and content of each definition."""
    for kind in PLUGIN_TYPES:
        for path in sorted((DATA / "meltano" / kind).glob("*/*.yml")):
            yield kind, path, YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def read(name: str) -> dict[str, Any]:
    """Read one of the Hub's lists."""
    found: dict[str, Any] = YAML(typ="safe").load((DATA / name).read_text(encoding="utf-8"))
    return found


def write_api(folder: Path, base: str, pip_url: str) -> None:
    """Write the Hub's API as the static files that it is."""
    api = folder / "meltano" / "api" / "v1" / "plugins"
    indexes: dict[str, dict[str, Any]] = {kind: {} for kind in PLUGIN_TYPES}
    default_variants = read("default_variants.yml")
    for kind, _, definition in definitions():
        name, variant = definition["name"], definition["variant"]
        public = {key: value for key, value in definition.items() if key not in PAGES_ONLY} | {"pip_url": pip_url}
        (api / kind).mkdir(parents=True, exist_ok=True)
        (api / kind / f"{name}--{variant}").write_text(json.dumps(public), encoding="utf-8")
        indexes[kind][name] = {
            "default_variant": default_variants[kind][name],
            "logo_url": base + definition["logo_url"],
            "variants": {variant: {"ref": f"{base}/meltano/api/v1/plugins/{kind}/{name}--{variant}"}},
        }
    for kind, index in indexes.items():
        (api / kind).mkdir(parents=True, exist_ok=True)
        (api / kind / "index").write_text(json.dumps(index), encoding="utf-8")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    @override
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def running_hub(folder: Path, pip_url: str) -> Iterator[str]:
    """Serve the Hub on a free port and yield its address.

    Args:
        folder: Where its files go.
        pip_url: What the plugins are installed from, in place of the published address.
    """
    folder.mkdir(parents=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))) as server:
        base = f"http://127.0.0.1:{server.server_port}"
        write_api(folder, base, pip_url)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield base
        server.shutdown()
        thread.join()
