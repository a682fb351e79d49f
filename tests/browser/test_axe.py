"""How axe-core is had: from the registry, as it was recorded, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import axe


def test_a_package_that_is_not_the_recorded_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"axe-core-{axe.VERSION}.tgz").write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not axe-core"):
        axe.source(tmp_path)


def test_without_npm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(axe.Unreachable, match="apt-get install npm"):
        axe.source(tmp_path)


def test_a_registry_that_does_not_answer_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    with pytest.raises(axe.Unreachable, match="failed"):
        axe.source(tmp_path / "axe")
    assert list((tmp_path / "axe").iterdir()) == []
