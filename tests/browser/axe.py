"""axe-core, for the tests alone: fetched once from the registry by `npm pack`, never a part of this repository.

It is MPL-2.0 and 4 MB; the tarball is kept in the user's cache and its SHA-256 is compared each time it is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

VERSION = "4.14.1"
SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SECONDS = 60

_RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.map((rule) => ({ id: rule.id, help: rule.help, nodes: rule.nodes.map((node) => node.html) }));
}"""


class Unreachable(Exception):
    """There is no npm, or the registry did not answer; the message says which."""


def source(cache: Path | None = None) -> str:
    """The text of axe.min.js at the pinned version. Raises Unreachable, and ValueError for a file that is another."""
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tare"
    tarball = folder / f"axe-core-{VERSION}.tgz"
    if not tarball.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(tarball)
    if (digest := hashlib.sha256(tarball.read_bytes()).hexdigest()) != SHA256:
        raise ValueError(f"{tarball} is not axe-core {VERSION} as it was recorded: {digest}")
    with tarfile.open(tarball) as archive:
        found = archive.extractfile("package/axe.min.js")
        assert found is not None
        return found.read().decode()


def violations(page: Page, axe: str) -> list[str]:
    """What axe-core objects to on the page as it is now, one line each: rule, meaning, and the elements."""
    # through the debugger, which the Content-Security-Policy of the page does not bind
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(_RUN, RULES)
    return [f"{rule['id']}: {rule['help']}: {[html[:160] for html in rule['nodes'][:3]]}" for rule in found]


def _fetch(tarball: Path) -> None:
    """Put the package where it is wanted, whole or not at all: several tests may start at once."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unreachable("there is no npm on this machine (Debian: apt-get install npm)")
    with tempfile.TemporaryDirectory(dir=tarball.parent) as scratch:
        command = [npm, "pack", f"axe-core@{VERSION}", "--silent", "--pack-destination", scratch]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.CalledProcessError as refusal:
            raise Unreachable(f"npm pack axe-core@{VERSION} failed: {refusal.stderr.strip()[-300:]}") from refusal
        except subprocess.TimeoutExpired as late:
            raise Unreachable(f"the registry did not send axe-core within {SECONDS} seconds") from late
        (Path(scratch) / tarball.name).replace(tarball)
