"""Every door of the loop: works, refuses strangers, refuses bad input, refuses the wrong method."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from evaluation import actions, queries
from evaluation.models import Alert, Round
from evaluation.ranking import WinRate
from raters.models import Project, User
from tests import make
from tests.evaluation import paper


@pytest.fixture
def round(project: Project) -> Round:
    """A round that is over, with an alert."""
    return paper.finished_round(project, script=paper.Script(kl=12.0))


def as_(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


class TestLoop:
    def test_says_what_comes_first_when_there_is_no_round(self, project: Project, emil: User) -> None:
        page = as_(emil).get(reverse("training", args=[project.slug]))
        assert "No round yet" in page.content.decode()

    def test_shows_the_stages_of_the_newest_round(self, round: Round, emil: User) -> None:
        page = as_(emil).get(reverse("training", args=[round.project.slug])).content.decode()
        assert all(title in page for title in ("Candidates", "Preferences", "Reward model", "Red team", "Decide"))
        assert "1 needs a look" in page

    def test_draws_every_judges_verdict_on_the_policy(self, round: Round, emil: User) -> None:
        win = WinRate(0.77, 0.71, 0.83, 60, 1200, "")
        assert round.policy is not None
        pair = {"first": round.policy, "second": round.reference}
        actions.record_verdict(round, name="policy against SFT", judge="human", win=win, **pair)
        page = queries.loop_page(round.project)
        assert page is not None
        assert page.win_rate.columns[:2] == ("Round", "people")
        assert "77.0%" in as_(emil).get(reverse("round", args=[round.project.slug, 1])).content.decode()

    def test_offers_the_next_round_to_who_may_start_it(self, round: Round, emil: User, cleo: User) -> None:
        address = reverse("training", args=[round.project.slug])
        assert "Next round, from sft" in as_(emil).get(address).content.decode()
        assert "Next round" not in as_(cleo).get(address).content.decode()

    def test_is_not_there_for_raters_and_strangers(self, project: Project, ada: User, mallory: User) -> None:
        address = reverse("training", args=[project.slug])
        assert [as_(person).get(address).status_code for person in (ada, mallory)] == [404, 404]

    def test_asks_who_is_there(self, project: Project, client: Client) -> None:
        assert client.get(reverse("training", args=[project.slug])).status_code == 302

    def test_refuses_a_post(self, project: Project, emil: User) -> None:
        assert as_(emil).post(reverse("training", args=[project.slug])).status_code == 405

    def test_costs_the_same_however_many_rounds_there_are(
        self, round: Round, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        project, one = round.project, 13
        with django_assert_num_queries(one):
            queries.loop_page(project)
        for _ in range(2):
            paper.another_round(round)
        with django_assert_num_queries(one + 4):  # the curves of two more policies, of at most three
            queries.loop_page(project)
        paper.another_round(round)
        with django_assert_num_queries(one + 4):
            queries.loop_page(project)


class TestRound:
    def test_shows_what_came_out(self, round: Round, emil: User) -> None:
        page = as_(emil).get(reverse("round", args=[round.project.slug, 1])).content.decode()
        assert "The policy against SFT" in page
        assert "The policy is 12.0 nats a response from the reference." in page
        assert "What is y?" in page

    def test_shows_hostile_answers_as_text(self, project: Project, emil: User) -> None:
        def answer(model: str, question: str, sample: int) -> str:
            return "<script>alert(1)</script>" + paper.an_answer(model, question, sample)

        paper.finished_round(project, script=paper.Script(answer=answer))
        page = as_(emil).get(reverse("round", args=[project.slug, 1])).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page

    def test_says_why_a_round_stopped(self, project: Project, emil: User) -> None:
        paper.finished_round(project, script=paper.Script(fails={"r1-ppo": "Out of memory."}))
        page = as_(emil).get(reverse("round", args=[project.slug, 1])).content.decode()
        assert "r1-ppo failed: Out of memory." in page

    def test_is_not_there_for_raters_and_strangers(self, round: Round, ada: User, mallory: User) -> None:
        address = reverse("round", args=[round.project.slug, 1])
        assert [as_(person).get(address).status_code for person in (ada, mallory)] == [404, 404]

    def test_a_round_that_is_not_is_not_found(self, round: Round, emil: User) -> None:
        assert as_(emil).get(reverse("round", args=[round.project.slug, 7])).status_code == 404

    def test_refuses_a_post(self, round: Round, emil: User) -> None:
        assert as_(emil).post(reverse("round", args=[round.project.slug, 1])).status_code == 405

    def test_costs_the_same_however_many_rounds_there_are(
        self, round: Round, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        project = round.project
        with django_assert_num_queries(10):
            queries.round_page(project, 1)
        paper.another_round(round)
        with django_assert_num_queries(10):
            queries.round_page(project, 1)


class TestStartingTheNext:
    def test_starts_it_with_the_settings_of_the_last(self, round: Round, emil: User) -> None:
        answer = as_(emil).post(reverse("round-start", args=[round.project.slug]))
        begun = Round.objects.get(number=2)
        assert answer.headers["Location"] == reverse("round", args=[round.project.slug, 2])
        assert (begun.config, begun.created_by) == (round.config, emil)

    def test_refuses_while_one_is_going(self, round: Round, emil: User) -> None:
        client, address = as_(emil), reverse("round-start", args=[round.project.slug])
        client.post(address)
        answer = client.post(address)
        assert answer.status_code == 409
        assert "Round 2 is still going" in answer.content.decode()

    def test_is_not_there_for_leads_and_strangers(self, round: Round, cleo: User, mallory: User) -> None:
        address = reverse("round-start", args=[round.project.slug])
        assert [as_(person).post(address).status_code for person in (cleo, mallory)] == [404, 404]

    def test_refuses_without_a_round_to_follow(self, project: Project, emil: User) -> None:
        assert as_(emil).post(reverse("round-start", args=[project.slug])).status_code == 409

    def test_refuses_a_get(self, round: Round, emil: User) -> None:
        assert as_(emil).get(reverse("round-start", args=[round.project.slug])).status_code == 405


class TestResuming:
    @pytest.fixture
    def stopped(self, project: Project) -> Round:
        """A round that failed."""
        return paper.finished_round(project, script=paper.Script(fails={"r1-ppo": "Out of memory."}))

    def test_goes_on_where_it_stopped(self, stopped: Round, emil: User) -> None:
        as_(emil).post(reverse("round-resume", args=[stopped.project.slug, 1]))
        stopped.refresh_from_db()
        assert stopped.state == Round.State.POLICY

    def test_refuses_a_round_that_has_not_failed(self, round: Round, emil: User) -> None:
        answer = as_(emil).post(reverse("round-resume", args=[round.project.slug, 1]))
        assert answer.status_code == 409
        assert "Round 1 has not failed." in answer.content.decode()

    def test_is_not_there_for_leads_and_strangers(self, stopped: Round, cleo: User, mallory: User) -> None:
        address = reverse("round-resume", args=[stopped.project.slug, 1])
        assert [as_(person).post(address).status_code for person in (cleo, mallory)] == [404, 404]

    def test_a_round_that_is_not_is_not_found(self, project: Project, emil: User) -> None:
        assert as_(emil).post(reverse("round-resume", args=[project.slug, 7])).status_code == 404

    def test_refuses_a_get(self, stopped: Round, emil: User) -> None:
        assert as_(emil).get(reverse("round-resume", args=[stopped.project.slug, 1])).status_code == 405


class TestResolvingAnAlert:
    @pytest.fixture
    def alert(self, round: Round) -> Alert:
        """What the monitor raised."""
        return round.alerts.get(signal="kl")

    def test_records_the_decision(self, alert: Alert, project: Project, emil: User) -> None:
        as_(emil).post(reverse("alert-resolve", args=[project.slug, alert.pk]), {"resolution": "Raise the KL weight."})
        alert.refresh_from_db()
        assert (alert.resolution, alert.resolved_by) == ("Raise the KL weight.", emil)

    def test_refuses_a_decision_without_words(self, alert: Alert, project: Project, emil: User) -> None:
        answer = as_(emil).post(reverse("alert-resolve", args=[project.slug, alert.pk]), {"resolution": " "})
        assert answer.status_code == 422
        assert "Say in a few words" in answer.content.decode()

    def test_keeps_the_first_decision(self, alert: Alert, project: Project, emil: User) -> None:
        client, address = as_(emil), reverse("alert-resolve", args=[project.slug, alert.pk])
        client.post(address, {"resolution": "Stop."})
        answer = client.post(address, {"resolution": "Go on."})
        alert.refresh_from_db()
        assert (answer.status_code, alert.resolution) == (409, "Stop.")

    def test_is_not_there_for_leads_and_strangers(
        self, alert: Alert, project: Project, cleo: User, mallory: User
    ) -> None:
        address = reverse("alert-resolve", args=[project.slug, alert.pk])
        assert [as_(person).post(address, {"resolution": "x"}).status_code for person in (cleo, mallory)] == [404, 404]

    def test_another_projects_alert_is_not_found(self, alert: Alert, mallory: User) -> None:
        address = reverse("alert-resolve", args=["elsewhere", alert.pk])
        assert as_(mallory).post(address, {"resolution": "x"}).status_code == 404

    def test_refuses_a_get(self, alert: Alert, project: Project, emil: User) -> None:
        assert as_(emil).get(reverse("alert-resolve", args=[project.slug, alert.pk])).status_code == 405


def test_a_page_made_in_the_middle_of_a_round_shows_its_progress(project: Project, emil: User) -> None:
    paper.collecting_round(project)
    page = as_(emil).get(reverse("training", args=[project.slug])).content.decode()
    assert "Collecting" in page
    assert "0 <small>of 12</small>" in page
    assert make.NOW.strftime("%d %B %Y") in page
