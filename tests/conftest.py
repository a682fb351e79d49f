"""The cast. Ada and ben rate, cleo leads, rhea reviews, emil engineers, olga owns; mallory belongs elsewhere."""

from __future__ import annotations

import pytest

from raters.models import Project, Role, User
from tests import make

pytest_plugins = ["tests.engines"]


@pytest.fixture
def project(db: None) -> Project:
    """The project of the story."""
    return make.project("Helpfulness")


@pytest.fixture
def ada(project: Project) -> User:
    """A rater who has read the guideline."""
    return make.rater(project, "ada")


@pytest.fixture
def ben(project: Project) -> User:
    """A rater who has not read the guideline."""
    return make.user("ben", Role.RATER, project=project)


@pytest.fixture
def cleo(project: Project) -> User:
    """A lead."""
    return make.user("cleo", Role.LEAD, project=project)


@pytest.fixture
def rhea(project: Project) -> User:
    """A reviewer."""
    return make.user("rhea", Role.REVIEWER, project=project)


@pytest.fixture
def emil(project: Project) -> User:
    """An ML engineer."""
    return make.user("emil", Role.ENGINEER, project=project)


@pytest.fixture
def olga(project: Project) -> User:
    """An owner."""
    return make.user("olga", Role.OWNER, project=project)


@pytest.fixture
def mallory(db: None) -> User:
    """Everything, but in another project."""
    other = make.project("Elsewhere")
    return make.user("mallory", *Role.values, project=other)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest stories first, so that the other cores tell the short ones meanwhile."""
    longest = ("TestStorm", "test_straight_line")
    items.sort(key=lambda item: not any(name in item.nodeid for name in longest))
