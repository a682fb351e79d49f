"""The files we ship for the browser are the ones the registry published."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

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


def test_every_package_ships_its_licence_and_names_an_exact_version() -> None:
    assert [p["name"] for p in PACKAGES if not any(f["to"].endswith("LICENSE") for f in p["files"])] == []
    assert [p["name"] for p in PACKAGES if not p["version"].replace(".", "").isdigit()] == []
