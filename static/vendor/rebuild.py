"""Fetches the browser files named in manifest.json again: `python static/vendor/rebuild.py`.

Every file is taken from a package of the public registry by `npm pack` at an exact version. A tarball or a file whose
SHA-256 is not the recorded one ends the run, so a changed upstream never arrives unnoticed. To move to another
version, edit manifest.json and run with `--record`, then read the diff.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STATIC = HERE.parent


def digest(data: bytes) -> str:
    """The SHA-256 of these bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pack(name: str, version: str, folder: Path) -> Path:
    """Downloads one package into the folder and returns its tarball."""
    command = ["npm", "pack", f"{name}@{version}", "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a fixed command, no shell
    return folder / done.stdout.strip().splitlines()[-1]


def member(tarball: Path, path: str) -> bytes:
    """One file of the tarball."""
    with tarfile.open(tarball) as archive:
        found = archive.extractfile(f"package/{path}")
        if found is None:
            raise SystemExit(f"{tarball.name} has no file {path}")
        return found.read()


def sprite(tarball: Path, icons: list[str]) -> bytes:
    """One SVG whose symbols are the named icons, so that a page loads them once."""
    symbols = []
    for icon in sorted(icons):
        drawing = member(tarball, f"icons/{icon}.svg").decode()
        inner = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.DOTALL)
        if inner is None:
            raise SystemExit(f"the icon {icon} is not one drawing")
        body = " ".join(inner.group(1).split())
        symbols.append(f'<symbol id="{icon}" viewBox="0 0 24 24">{body}</symbol>')
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def check(what: str, data: bytes, entry: dict[str, Any], *, record: bool) -> None:
    """Compares with the recorded digest, or writes it down when recording."""
    if record:
        entry["sha256"] = digest(data)
    elif entry["sha256"] != digest(data):
        raise SystemExit(f"{what} is not the file recorded in manifest.json: {digest(data)}")


def main(*, record: bool) -> None:
    """Fetches, checks and writes every file of the manifest."""
    path = HERE / "manifest.json"
    manifest = json.loads(path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        for package in manifest["packages"]:
            tarball = pack(package["name"], package["version"], Path(folder))
            check(package["name"], tarball.read_bytes(), package, record=record)
            for file in package["files"]:
                data = sprite(tarball, package["icons"]) if file["from"] == "icons" else member(tarball, file["from"])
                check(file["to"], data, file, record=record)
                (STATIC / file["to"]).parent.mkdir(parents=True, exist_ok=True)
                (STATIC / file["to"]).write_bytes(data)
    if record:
        path.write_text(json.dumps(manifest, indent=2) + "\n")
    sys.stdout.write(f"{sum(len(package['files']) for package in manifest['packages'])} files are as recorded\n")


if __name__ == "__main__":
    main(record="--record" in sys.argv[1:])
