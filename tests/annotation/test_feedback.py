"""What reviewers decided, for the raters who judged it: the newest verdict, with the sides as they were shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation import actions
from annotation.models import Adjudication, Comparison, Slot
from raters.models import Project, User
from tests import make

HOME = "/p/helpfulness/"


@pytest.fixture
def hers(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _page(client: Client, path: str = "") -> str:
    return client.get(HOME + path).content.decode()


class TestFeedback:
    def _settled(self, project: Project, ada: User, rhea: User, **verdict: Any) -> Comparison:
        comparison = make.comparison(project)
        make.judgment_today(ada, project, preference=2)
        actions.adjudicate(comparison, reviewer=rhea, **verdict)
        return comparison

    def test_says_agreed_or_differs_with_rule_and_note(
        self, hers: Client, project: Project, ada: User, rhea: User
    ) -> None:
        rule = make.guideline(project).versions.get().rules.first()
        self._settled(project, ada, rhea, preference=1)
        self._settled(project, ada, rhea, preference=-3, rule=rule, text="B names a <b>flag</b> that is not there.")

        html = _page(hers, "feedback/")

        assert html.index("Differs") < html.index("Agreed")
        assert "1.1 Wrong claims decide" in html
        assert "B names a &lt;b&gt;flag&lt;/b&gt;" in html

    @pytest.mark.parametrize(("swapped", "yours", "theirs"), [(False, "B", "A"), (True, "A", "B")])
    def test_names_the_sides_as_they_were_shown(
        self, hers: Client, project: Project, ada: User, rhea: User, swapped: bool, yours: str, theirs: str
    ) -> None:
        comparison = make.comparison(project)
        Slot.objects.update(swapped=swapped)
        make.judgment_today(ada, project, preference=2)
        actions.adjudicate(comparison, reviewer=rhea, preference=-3)

        html = _page(hers, "feedback/")

        assert f"You said: {yours} better." in html
        assert f"The reviewer: {theirs} much better." in html

    def test_tells_only_the_newest_verdict(self, hers: Client, project: Project, ada: User, rhea: User) -> None:
        comparison = self._settled(project, ada, rhea, preference=-3, text="First thought")
        second = make.user("rob", "reviewer", project=project)
        actions.adjudicate(comparison, reviewer=second, preference=3, text="Second thought")

        html = _page(hers, "feedback/")

        assert "Second thought" in html
        assert "First thought" not in html

    def test_is_for_those_who_judged_it(self, client: Client, project: Project, ada: User, rhea: User) -> None:
        self._settled(project, ada, rhea, preference=1, text="Well seen")
        client.force_login(make.rater(project, "eve"))

        assert "Well seen" not in _page(client, "feedback/")

    def test_never_tells_of_a_checked_item(self, hers: Client, project: Project, ada: User, rhea: User) -> None:
        comparison = self._settled(project, ada, rhea, preference=1, text="Well seen")
        make.gold(comparison, 2)

        assert "Well seen" not in _page(hers, "feedback/") + _page(hers)

    def test_is_counted_beside_its_name_for_thirty_days(
        self, hers: Client, project: Project, ada: User, rhea: User
    ) -> None:
        self._settled(project, ada, rhea, preference=1)
        self._settled(project, ada, rhea, preference=1)
        fresh = _page(hers)
        Adjudication.objects.update(created_at=timezone.now() - timedelta(days=31))

        assert 'title="2 in the last 30 days"' in fresh
        assert "in the last 30 days" not in _page(hers)

    def test_is_paged_and_costs_the_same(
        self, hers: Client, project: Project, ada: User, rhea: User, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(23):
            self._settled(project, ada, rhea, preference=1)
        hers.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(8):
            first = _page(hers, "feedback/")

        older = re.search(r'href="(\?before_id=\d+)"', first)
        assert first.count('class="fb"') == 20 and older is not None
        assert _page(hers, f"feedback/{older[1]}").count('class="fb"') == 3

    def test_starts_over_with_a_mistyped_place(self, hers: Client, project: Project) -> None:
        for place in ("x", "-1", "9" * 40):
            assert hers.get(f"{HOME}feedback/?before_id={place}").status_code == 200
