"""Snapshots of a test go into a folder of its own."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def exports(settings: Settings, tmp_path: Path) -> Path:
    settings.TARE_EXPORTS = tmp_path / "snapshots"
    return tmp_path / "snapshots"
