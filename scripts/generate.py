"""Writes what is generated: the settings in meltano.yml, hub/ and docs/, and the built-in maps in docs/mapping.md.

``python -m scripts.generate`` writes, ``--check`` only says what is out of date (exit code 1).
"""

from __future__ import annotations

import argparse
import sys

from scripts.map_tables import map_pages
from scripts.settings_tables import ROOT, settings_pages


def main(argv: list[str] | None = None) -> int:
    """Write or check all files.

    Args:
        argv: The arguments; None for those of the process.

    Returns:
        The exit code: 1 if ``--check`` found a file that is out of date, else 0.
    """
    parser = argparse.ArgumentParser(description="Writes settings and built-in maps into meltano.yml, hub/ and docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is out of date")
    check_only = parser.parse_args(argv).check
    pages = dict(settings_pages())
    # A page may hold tables of both kinds.
    pages |= dict(map_pages(pages))
    outdated = {path: text for path, text in pages.items() if path.read_text(encoding="utf-8") != text}
    for path, text in outdated.items():
        print(f"{path.relative_to(ROOT)} {'is out of date' if check_only else 'written'}")
        if not check_only:
            path.write_text(text, encoding="utf-8")
    if outdated and check_only:
        print("Run: python -m scripts.generate")
    return 1 if outdated and check_only else 0


if __name__ == "__main__":
    sys.exit(main())
