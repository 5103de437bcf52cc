"""The documentation: links and cited pages exist, and every page can be reached from README."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.destination import Destination
from lead_connectors.delivery.plan import Send
from tests.delivery.leads import a_lead

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *DOCS,
    ROOT / "sandbox" / "README.md",
    ROOT / "hub" / "README.md",
    ROOT / "examples" / "README.md",
]
OUTSIDE = re.compile(r"[a-z]+:")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MAX_TARGET_LINES = 150
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
CITED_PAGE = re.compile(r"(?<![\w/.*<-])(?:[\w-]+/|\.{1,2}/)*[\w-]+\.md\b")
TEXT_FILES = {".md", ".py", ".toml", ".yml", ".sh", ".json", ""}
CITED_SECTION = re.compile(r"(api/\w+\.md)`?,? (\d(?:\.\d)?)(?: and (\d(?:\.\d)?))?")
ABSOLUTE = re.compile(r"(?<![\w.~-])/(?:work|home|root|Users)/")


def text_of(page: Path) -> str:
    """A page without its code blocks."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in HEADING.findall(text_of(page))}


def links(page: Path) -> list[tuple[Path, str]]:
    """The files that a page links to, each with its anchor."""
    found = []
    for link in LINK.findall(text_of(page)):
        if OUTSIDE.match(link):
            continue
        path, _, anchor = link.partition("#")
        found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


def tracked_files() -> list[Path]:
    """The files that git knows, or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    broken = [
        f"{target}#{anchor}"
        for target, anchor in links(page)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target))
    ]
    assert broken == []


def test_every_page_is_reached_from_readme() -> None:
    reached: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += [target for target, _ in links(page) if target.suffix == ".md" and target.exists()]
    assert [page for page in PAGES if page not in reached] == []


def test_no_file_cites_a_page_that_is_not_here() -> None:
    missing = []
    for path in tracked_files():
        if path.suffix not in TEXT_FILES or path == Path(__file__).resolve():
            continue
        text = path.read_text(encoding="utf-8")
        folders = (ROOT, ROOT / "docs", path.parent)
        cited = [page for page in CITED_PAGE.findall(text) if not any((folder / page).is_file() for folder in folders)]
        missing += [f"{path.relative_to(ROOT)}: {page}" for page in cited + ABSOLUTE.findall(text)]
    assert missing == []


def test_every_section_that_code_cites_exists() -> None:
    missing = []
    for path in tracked_files():
        if path.suffix not in {".py", ".json"} or path == Path(__file__).resolve():
            continue
        for page, *numbers in CITED_SECTION.findall(path.read_text(encoding="utf-8")):
            headings = HEADING.findall(text_of(ROOT / "docs" / page))
            missing += [
                f"{path.relative_to(ROOT)}: {page} {number}"
                for number in numbers
                if number and not any(re.match(rf"{re.escape(number)}\.? ", heading) for heading in headings)
            ]
    assert missing == []


def test_the_target_in_contributing_is_complete() -> None:
    code = "\n".join(PYTHON.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    names: dict[str, Any] = {"__name__": "target_acme"}
    exec(code, names)
    destination = names["TargetAcme"](config={"token": "made up"}).destination
    assert isinstance(destination, Destination)
    ann = a_lead(0, "ann", fields={"email": "ann@example.com"})
    assert destination.body(Send(ann)) == {"email": "ann@example.com"}
    assert len(code.splitlines()) < MAX_TARGET_LINES
