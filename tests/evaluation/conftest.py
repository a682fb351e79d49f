"""A project with prompts, ready for a round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annotation.models import Prompt
from evaluation import actions
from evaluation.models import Round
from raters.models import Project, User
from tests import make
from tests.evaluation import paper


@pytest.fixture
def prompts(project: Project) -> list[Prompt]:
    """Two prompts to train on and two that are held out."""
    return [make.prompt(project, f"What is {name}?", held_out=name in "yz") for name in "wxyz"]


@pytest.fixture
def start(project: Project, prompts: list[Prompt], emil: User) -> Callable[..., Round]:
    """Starts a round; a test says what it wants different."""

    def begin(**more: Any) -> Round:
        sft = more.pop("reference", None) or paper.model(project)
        wanted = {
            "reference": sft,
            "start": sft,
            "guideline": make.guideline(project),
            "config": paper.SMALL,
            "by": emil,
        }
        return actions.start_round(project, **{**wanted, **more}, now=make.now())

    return begin
