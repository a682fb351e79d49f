"""Simulated raters come in and judge through the doors that people use."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from annotation import actions as annotation
from annotation.models import Judgment
from evaluation.demo import raters, world
from evaluation.demo.browser import Browser
from evaluation.demo.raters import Login
from raters import actions as people
from raters.models import Project, Role, User
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


def _open_batch(project: Project) -> None:
    """Ten questions of the world, each with a right and a wrong answer."""
    pairs = []
    for prompt in [asked for asked in world.all_prompts() if asked.kind == "sum"][:10]:
        x, y = prompt.addends
        asked = make.prompt(project, prompt.question)
        right, wrong = make.responses(asked, f"{x} plus {y} is {x + y}.", f"{x} plus {y} is {x + y + 1}.")
        pairs.append((right.pk, wrong.pk))
    annotation.open_batch(
        project,
        name="sums",
        guideline=make.guideline(project),
        pairs=pairs,
        overlap=2,
        split_panels=True,
        rng=np.random.default_rng(1),
    )


def test_they_judge_all_there_is_and_mostly_see_what_is_right(
    project: Project, olga: User, live_server: LiveServer
) -> None:
    _open_batch(project)
    logins = [Login(f"Rater {n}", f"rater{n}@example.org", make.PASSWORD, seed=n) for n in range(2)]
    for login in logins:
        _, secret = people.invite(project, email=login.email, role=Role.RATER, by=olga, now=timezone.now())
        raters.accept(live_server.url, f"/invitations/{secret}/", login=login)

    done = raters.judge_everything(live_server.url, project.slug, logins, judged=lambda: None, enough=threading.Event())

    assert done == 20
    assert Judgment.objects.filter(preference__lt=0).count() > 15  # A was stored first: it is the right one


def test_they_are_turned_away_with_a_wrong_password(project: Project, ada: User, live_server: LiveServer) -> None:
    with pytest.raises(raters.TurnedAway):
        raters.sign_in(live_server.url, Login("Ada", ada.email, "not her passphrase"))


def test_their_browser_reads_what_the_page_shows(project: Project, ada: User, live_server: LiveServer) -> None:
    asked = make.prompt(project, "Is 1 < 2 & 3 > 2?")
    first, second = make.responses(asked, "Yes, 1 < 2.", "<b>No</b> & never.")
    annotation.open_batch(
        project,
        name="signs",
        guideline=make.guideline(project),
        pairs=[(first.pk, second.pk)],
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
    )
    browser: Browser = raters.sign_in(live_server.url, Login("Ada", ada.email, make.PASSWORD))

    page = browser.get(f"/p/{project.slug}/rate/")

    assert page.texts["prompt"].strip() == "Is 1 < 2 & 3 > 2?"
    assert {page.texts["a"].strip(), page.texts["b"].strip()} == {"Yes, 1 < 2.", "<b>No</b> & never."}
