"""A rater's home: what to do next, and how it goes. Its doors, what they cost, and that they stay blind."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation import actions
from annotation.models import Batch, Comparison, Judgment, Response
from annotation.queries.measures import checked, on_the_labels_side
from raters.models import Project, Standing, User
from tests import make
from tests.guidelines.test_changes import NEW

HOME = "/p/helpfulness/"


@pytest.fixture
def hers(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _page(client: Client, path: str = "") -> str:
    return client.get(HOME + path).content.decode()


class TestBatches:
    def test_say_how_much_how_long_and_for_how_much(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=40, name="batch 121")
        Batch.objects.update(pay_minor=62)
        for _ in range(3):
            make.judgment_today(ada, project, seconds=120.0)

        html = _page(hers)

        assert "batch 121" in html and "Comparing two responses" in html
        assert "37 items" in html and "1 h 14" in html
        assert "€22.94" in html and "€0.62 each" in html

    def test_are_in_the_currency_of_the_project(self, hers: Client, project: Project) -> None:
        Project.objects.update(currency="JPY")
        make.batch(project)
        Batch.objects.update(pay_minor=90)

        assert "¥90 each" in _page(hers)

    def test_start_on_the_bench_with_their_number(self, hers: Client, project: Project) -> None:
        batch = make.batch(project)

        assert f'href="/p/helpfulness/rate/?batch={batch.pk}"' in _page(hers)

    def test_a_long_one_is_not_counted_to_the_end(self, hers: Client, project: Project) -> None:
        make.batch(project, comparisons=102)

        assert "100+ items" in _page(hers)

    def test_of_a_kind_without_items_are_as_long_as_one_likes(self, hers: Client, project: Project) -> None:
        batch = make.batch(project, name="chat")
        Comparison.objects.update(is_open=False)
        Batch.objects.filter(pk=batch.pk).update(kind=Batch.Kind.LIVE)

        assert "As you like" in _page(hers)

    def test_with_nothing_left_are_not_shown(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project, name="short one")
        make.judgment_today(ada, project)

        html = _page(hers)

        assert "short one" not in html
        assert "Nothing to compare just now" in html

    def test_with_distressing_text_ask_first(self, hers: Client, project: Project, ada: User) -> None:
        batch = make.batch(project, name="safety 9")
        Batch.objects.update(is_sensitive=True)

        before = _page(hers)
        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)
        after = _page(hers)

        assert "Opt in" in before and 'href="/p/helpfulness/sensitive/"' in before
        assert f"?batch={batch.pk}" not in before
        assert "Continue" not in before and "Helpfulness, safety 9" not in before
        assert f"?batch={batch.pk}" in after

    def test_under_an_unread_guideline_lead_to_it(self, client: Client, project: Project, ben: User) -> None:
        make.batch(project)
        client.force_login(ben)

        html = _page(client)

        assert "Read guideline" in html
        assert "/rate/" not in html

    def test_of_other_projects_are_not_there(self, hers: Client, project: Project) -> None:
        make.batch(make.project("Other"), name="foreign batch")

        assert "foreign batch" not in _page(hers)

    def test_a_paused_rater_sees_why_and_nothing_to_start(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")

        html = _page(hers)

        assert "Let us talk." in html and "Your work here is paused" in html
        assert "/rate/" not in html


class TestReading:
    def test_shows_what_changed_word_by_word(self, hers: Client, project: Project) -> None:
        make.guideline_version(project, text=NEW, major=False)

        html = _page(hers)

        assert "What changed since 1.0" in html
        assert re.search(r"style<ins> and length</ins>|<del>style\.</del><ins>style and length\.</ins>", html)

    def test_says_how_many_questions_there_are(self, hers: Client, project: Project) -> None:
        from tests.guidelines.test_views import ASKED

        make.guideline_version(project, text=NEW, questions=[ASKED, ASKED])

        assert "2 questions" in _page(hers)


class TestMeasures:
    @pytest.mark.parametrize(
        ("preference", "score", "votes", "method", "due", "agrees"),
        [
            (2, 2.0, 3, "mean", False, True),
            (-2, 0.0, 3, "mean", False, False),  # the other two said 1
            (3, 1.0, 3, "mean", False, None),  # the others are even without this vote
            (2, 2.0, 2, "mean", False, None),  # too few
            (2, 2.0, 3, "mean", True, None),  # the label is not made yet
            (2, None, None, None, False, None),
            (2, -1.0, 1, "adjudication", False, False),
            (0, 0.0, 1, "adjudication", False, True),
        ],
    )
    def test_nobody_agrees_with_themselves(
        self, preference: int, score: float | None, votes: int, method: str, due: bool, agrees: bool | None
    ) -> None:
        assert on_the_labels_side(preference, score, votes, method, due) is agrees

    def test_agreement_is_shown_with_its_n_from_twenty_on(self, hers: Client, project: Project, ada: User) -> None:
        eve, zoe = make.rater(project, "eve"), make.rater(project, "zoe")
        make.batch(project, comparisons=20, overlap=3)
        for n in range(20):
            for person in (ada, eve, zoe):
                make.judgment_today(person, project, preference=-1 if person == ada and n < 5 else 1)
        actions.fold_labels(now=timezone.now())
        with_twenty = _page(hers)
        actions.undo_judgment(
            Judgment.objects.filter(rater=ada).order_by("-pk")[0], lease=timedelta(minutes=5), now=timezone.now()
        )
        actions.fold_labels(now=timezone.now())

        assert "Agrees with final label" in with_twenty
        assert "20 answers of 30 days" in with_twenty and ">75%<" in with_twenty
        assert "Agrees with final label" not in _page(hers)

    def test_ties_are_compared_with_a_team_that_is_one(self, hers: Client, project: Project, ada: User) -> None:
        team = [make.rater(project) for _ in range(3)]
        make.batch(project, comparisons=34, overlap=4)
        for n in range(34):
            for person in (ada, *team):
                make.judgment_today(person, project, preference=0 if person != ada and n % 2 else 1)

        html = _page(hers)

        assert "the team 50%" in html
        assert "If you would flip a coin, say so." in html

    def test_a_small_team_is_not_told(self, hers: Client, project: Project, ada: User) -> None:
        eve = make.rater(project, "eve")
        make.batch(project, comparisons=20, overlap=2)
        for _ in range(20):
            make.judgment_today(ada, project)
            make.judgment_today(eve, project, preference=0)

        html = _page(hers)

        assert "of 20 answers in 30 days" in html
        assert "the team" not in html


class TestDoors:
    PATHS = ("", "feedback/", "earnings/", "earnings/csv/", "answers/", "answers/other/")

    @pytest.mark.parametrize("path", PATHS)
    def test_open_for_a_rater_who_is_new(self, hers: Client, project: Project, path: str) -> None:
        assert hers.get(HOME + path).status_code == 200

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("who", ["cleo", "mallory"])
    def test_do_not_exist_for_others(
        self, client: Client, request: pytest.FixtureRequest, project: Project, path: str, who: str
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert client.get(HOME + path).status_code == 404

    @pytest.mark.parametrize("path", PATHS)
    def test_ask_strangers_to_sign_in(self, client: Client, project: Project, path: str) -> None:
        assert client.get(HOME + path).headers["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize("path", PATHS)
    def test_refuse_post(self, hers: Client, path: str) -> None:
        assert hers.post(HOME + path).status_code == 405

    def test_home_costs_the_same_however_much_there_is(
        self, hers: Client, project: Project, ada: User, rhea: User, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(24):
            make.batch(project, comparisons=2)
        for _ in range(22):
            judgment = make.judgment_today(ada, project)
            actions.adjudicate(judgment.comparison, reviewer=rhea, preference=1)
        for n in range(4):
            make.guideline_version(project, name=f"Line {n}")
        hers.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(23):
            html = _page(hers)

        assert "More appear here as these are taken." in html


def test_no_byte_of_home_feedback_or_earnings_tells_what_a_rater_must_not_know(
    hers: Client, project: Project, ada: User, rhea: User
) -> None:
    """Canaries in everything hidden; each page is searched. Feedback on gold and others' words never come through."""
    eve = make.rater(project, "evecanary")
    make.batch(project, comparisons=22, overlap=2)
    Response.objects.update(model_digest="canarydigest", sampling={"temperature": "canarysampling"})
    for comparison in Comparison.objects.order_by("pk")[:5]:
        make.gold(comparison, 3)
    for _ in range(22):
        for person in (ada, eve):
            lent = actions.lend_next(project, rater=person, now=timezone.now())
            answer = actions.Answer(shown=2, rationale="canaryrationale" if person == eve else "")
            actions.submit_judgment(lent, answer=answer, key=uuid.uuid4(), now=timezone.now())
    for comparison in Comparison.objects.all():
        actions.adjudicate(comparison, reviewer=rhea, preference=1, text="canaryverdict" if comparison.is_gold else "")
    actions.fold_labels(now=timezone.now())
    canaries = re.compile(rb"canary|gold|sampling|temperature|digest|is_known|soft", re.IGNORECASE)

    leaks = []
    for path in TestDoors.PATHS:
        page = hers.get(HOME + path)
        text = page.content.replace(b'class="soft', b"")
        leaks += [(path, found) for found in canaries.findall(text + str(page.headers).encode())]
    assert leaks == []


class TestCheckedItems:
    def test_are_shown_as_they_stood_this_morning(self, project: Project, ada: User) -> None:
        for _ in range(6):
            make.gold(make.comparison(project), 2)
        given = [make.judgment(ada, project, preference=2) for _ in range(6)]
        tomorrow = make.NOW + timedelta(days=1)

        assert checked(project, ada, now=make.NOW + timedelta(hours=2)) is None
        seen = checked(project, ada, now=tomorrow)
        assert seen is not None
        assert (seen.right, seen.seen) == (6, 6)

        actions.undo_judgment(given[0], lease=timedelta(minutes=5), now=tomorrow)
        assert checked(project, ada, now=tomorrow + timedelta(minutes=1)) == seen
