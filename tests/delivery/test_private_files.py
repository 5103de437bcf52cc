"""Paths that a run writes: tried before the first call, private, and whole whatever happens."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from lead_connectors.delivery.private_files import (
    PathError,
    check_file,
    check_folder,
    make_private_folder,
    path_errors,
    replace_privately,
)
from lead_connectors.plugin.errors import ConnectorError, SettingsError


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("where", [".", "new", "new/and/deeper"])
def test_a_folder_that_can_be_written_or_made_passes_and_nothing_is_left(tmp_path: Path, where: str) -> None:
    check_folder(tmp_path / where, "rejects_path")
    check_file(tmp_path / where / "report.json", "report_path")
    assert everything(tmp_path) == []


def test_relative_paths_are_those_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_folder(Path("rejects"), "rejects_path")
    check_file(Path("report.json"), "report_path")
    assert everything(tmp_path) == []


@pytest.mark.parametrize("where", ["/proc/nowhere/rejects", "file", "file/deeper"])
def test_a_folder_that_cannot_be_made_is_named_with_its_setting(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"^rejects_path: the folder .* cannot be written"):
        check_folder(tmp_path / where, "rejects_path")
    with pytest.raises(SettingsError, match=r"^report_path: "):
        check_file(tmp_path / where / "report.json", "report_path")
    assert everything(tmp_path) == ["file"]


@pytest.mark.parametrize(("path", "kind"), [("folder", "is a folder"), ("/dev/null", "is not a plain file")])
def test_a_file_has_to_be_a_file(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=rf"^report_path: .* {kind}\. Name a file\."):
        check_file(tmp_path / path, "report_path")


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    before = path.stat().st_mtime_ns
    check_file(path, "report_path")
    assert (path.read_text(), path.stat().st_mtime_ns, everything(tmp_path)) == ("old", before, ["report.json"])


def full_disk(*_: Any) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_at_the_start_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", full_disk)
    with pytest.raises(SettingsError, match=r"^rejects_path: .*\(No space left on device\)"):
        check_folder(tmp_path, "rejects_path")


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, PathError), (errno.EACCES, SettingsError)])
def test_what_no_setting_can_mend_is_safe_to_run_again(number: int, kind: type[ConnectorError]) -> None:
    with pytest.raises(kind, match=r"^ledger_path: x cannot be written"), path_errors("ledger_path", Path("x")):
        raise OSError(number, "why")
    assert kind.exit_code == (1 if kind is PathError else 2)


def test_a_folder_that_is_made_is_private_and_one_that_was_there_is_not_touched(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert make_private_folder(tmp_path / "new", "rejects_path")
    assert not make_private_folder(tmp_path / "new", "rejects_path")
    assert not make_private_folder(tmp_path, "rejects_path")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path, tmp_path / "new")] == [0o755, 0o700]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "report.json", tmp_path / "link.json"
    path.write_text("old")
    link.symlink_to(path)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        replace_privately(path, b"new")
    monkeypatch.undo()
    assert (path.read_text(), everything(tmp_path)) == ("old", ["link.json", "report.json"])
    replace_privately(link, b"new")
    assert link.is_symlink()
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o600)
