"""The files we ship for the browser are the ones the registry published."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parent.parent / "static"
PACKAGES = json.loads((STATIC / "vendor/manifest.json").read_text())["packages"]
FILES = [file for package in PACKAGES for file in package["files"]]


def test_every_vendored_file_has_the_recorded_digest() -> None:
    wrong = [
        file["to"] for file in FILES if hashlib.sha256((STATIC / file["to"]).read_bytes()).hexdigest() != file["sha256"]
    ]
    assert wrong == []


def test_every_vendored_file_is_in_the_manifest() -> None:
    present = {path.relative_to(STATIC).as_posix() for path in (STATIC / "vendor").rglob("*") if path.is_file()}
    ours = {"vendor/manifest.json", "vendor/rebuild.py"}
    unknown = [path for path in present - ours - {file["to"] for file in FILES} if "__pycache__" not in path]
    assert unknown == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package["name"]))
def test_every_package_is_pinned_and_ships_its_licence(package: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert re.fullmatch(r"[0-9a-f]{64}", package["sha256"])
    licences = [file["to"] for file in package["files"] if file["to"].endswith("/LICENSE")]
    assert len(licences) == 1
    assert "permission" in (STATIC / licences[0]).read_text().lower()


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ('<body hx-headers:inherited=\'{"X-CSRFToken":"1"}\'><a hx-get="/">a</a></body>', 0),
        ('<body hx-headers=\'{"X-CSRFToken":"1"}\'><a hx-get="/">a</a></body>', 1),
        ('<div hx-ext="sse"></div>', 1),
        ("<script>document.addEventListener('htmx:afterSwap', again)</script>", 1),
    ],
)
def test_the_upgrade_checker_of_make_check_refuses_htmx_2(tmp_path: Path, line: str, verdict: int) -> None:
    (tmp_path / "page.html").write_text(f"<!doctype html>\n{line}\n")
    command = [sys.executable, str(STATIC / "vendor/htmx/upgrade-check.py"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == verdict
