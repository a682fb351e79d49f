"""The lead's quality page."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from annotation import actions as annotation
from raters.models import Project, User
from tests import make


class TestQuality:
    def test_shows_agreement_with_its_interval(self, client: Client, project: Project, ada: User, cleo: User) -> None:
        eve = make.rater(project, "eve")
        make.batch(project, comparisons=6, overlap=2)
        for n in range(6):
            for rater in (ada, eve):
                make.judgment(rater, project, preference=(-1) ** n * 2)
        client.force_login(cleo)

        html = client.get("/p/helpfulness/quality/").content.decode()

        assert "1.000" in html
        assert "interval 1.000 to 1.000" in html

    def test_is_there_before_anyone_judged(self, client: Client, project: Project, cleo: User) -> None:
        client.force_login(cleo)

        assert client.get("/p/helpfulness/quality/").status_code == 200

    def test_points_at_a_rater_who_always_chooses_left(
        self, client: Client, project: Project, ada: User, cleo: User
    ) -> None:
        make.batch(project, comparisons=40)
        for _ in range(40):
            lent = make.assignment(ada, project)
            annotation.submit_judgment(lent, answer=annotation.Answer(shown=-1), key=uuid.uuid4(), now=make.now())
        client.force_login(cleo)

        assert "Side bias" in client.get("/p/helpfulness/quality/").content.decode()

    def test_costs_the_same_however_many_raters_there_are(
        self, client: Client, project: Project, cleo: User, django_assert_max_num_queries: Any
    ) -> None:
        make.guideline(project)
        for _ in range(12):
            make.rater(project)
        client.force_login(cleo)

        with django_assert_max_num_queries(15):
            client.get("/p/helpfulness/quality/")

    @pytest.mark.parametrize("who", ["ada", "mallory"])
    def test_does_not_exist_for_raters_and_strangers(
        self, client: Client, project: Project, request: pytest.FixtureRequest, who: str
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert client.get("/p/helpfulness/quality/").status_code == 404
