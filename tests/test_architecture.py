"""What import-linter cannot see of the house: names, sizes, and that the settings name what exists."""

import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

BASE = Path(settings.BASE_DIR)
ROOMS = ("raters", "guidelines", "annotation", "snapshots", "training", "evaluation", "config")
DRAWERS = {
    "core",
    "common",
    "utils",
    "util",
    "helpers",
    "helper",
    "services",
    "service",
    "mixins",
    "misc",
    "lib",
    "shared",
}
LONGEST = 400


def ours() -> list[Path]:
    """Every Python file of the rooms, the tests and the benchmarks."""
    return sorted(path for room in (*ROOMS, "tests", "benchmarks") for path in (BASE / room).rglob("*.py"))


def test_nothing_is_called_by_what_it_is_not() -> None:
    names = {part for path in ours() for part in path.relative_to(BASE).with_suffix("").parts}
    assert not names & DRAWERS


def test_no_file_is_longer_than_one_reads() -> None:
    long = {str(path.relative_to(BASE)) for path in ours() if len(path.read_text().splitlines()) > LONGEST}
    assert not {path for path in long if "/migrations/" not in path}


def test_nothing_listens_to_a_signal() -> None:
    guilty = [path for path in ours() if "django.db.models.signals" in path.read_text() and path != Path(__file__)]
    assert not guilty


def test_every_bell_rings_a_task() -> None:
    from config.celery import app

    app.loader.import_default_modules()
    rung = {task for tasks in settings.BELLS.values() for task in tasks}
    assert rung <= set(app.tasks)


def test_every_bell_hangs_on_a_table() -> None:
    from django.apps import apps

    assert set(settings.BELLS) <= {model._meta.db_table for model in apps.get_models()}


@pytest.mark.parametrize(
    "path",
    [
        *settings.MIDDLEWARE,
        settings.ACCOUNT_ADAPTER,
        settings.REST_FRAMEWORK["EXCEPTION_HANDLER"],
        settings.REST_FRAMEWORK["DEFAULT_PAGINATION_CLASS"],
        *settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"],
    ],
)
def test_the_settings_name_what_exists(path: str) -> None:
    assert import_string(path)


def test_what_is_made_at_run_time_is_not_in_the_repository() -> None:
    if not (BASE / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=BASE, capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    assert not [
        path for path in listed if path.startswith(("var/", ".venv/")) or path.endswith((".pyc", ".key", ".env"))
    ]
