"""My answers: the list, one of them as it was shown, and changing it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from annotation import actions, queries
from annotation.models import Batch, Judgment, Response, Slot, Task, TaskAnswer, TaskAssignment, TaskWithdrawal
from raters.models import Project, User
from tests import make

ANSWERS = "/p/helpfulness/answers/"


@pytest.fixture
def hers(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _change(client: Client, judgment: Judgment, **sent: str) -> Any:
    form = {"preference": "2", "key": str(uuid.uuid4()), "seconds": "40", **sent}
    return client.post(f"{ANSWERS}{judgment.pk}/revision/", form)


class TestList:
    def test_says_what_was_said_as_it_was_shown(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        Slot.objects.update(swapped=True)
        rule = make.guideline(project).versions.get().rules.first()
        assert rule is not None
        make.judgment(ada, project, preference=2, rules=(rule.pk,))

        html = hers.get(ANSWERS).content.decode()

        assert "A better, rule 1.1." in html
        assert "Can be edited" in html

    def test_says_what_became_of_each(self, hers: Client, project: Project, ada: User, rhea: User) -> None:
        make.batch(project, comparisons=4)
        actions.freeze_judgments(project, upto=make.judgment(ada, project).pk)
        actions.adjudicate(make.judgment(ada, project).comparison, reviewer=rhea, preference=1)
        make.judgment(ada, project)
        actions.undo_judgment(make.judgment(ada, project), lease=timedelta(minutes=5), now=make.now())

        html = hers.get(ANSWERS).content.decode()

        states = re.findall(r"Taken back|Can be edited|Settled by a reviewer|In a snapshot", html)
        assert states == ["Taken back", "Can be edited", "Settled by a reviewer", "In a snapshot"]

    def test_shows_only_the_newest_revision(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)
        _change(hers, first)

        html = hers.get(ANSWERS).content.decode()

        assert html.count('class="item"') == 1
        assert f"{ANSWERS}{first.pk}/" not in html

    def test_is_paged_and_costs_the_same(
        self, hers: Client, project: Project, ada: User, django_assert_max_num_queries: Any
    ) -> None:
        make.batch(project, comparisons=33)
        for _ in range(33):
            make.judgment(ada, project)
        hers.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(8):
            first = hers.get(ANSWERS).content.decode()

        older = re.search(r'href="(\?before_id=\d+)"', first)
        assert first.count('class="item"') == 30 and older is not None
        assert hers.get(ANSWERS + older[1]).content.decode().count('class="item"') == 3

    def test_is_nobody_elses(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        make.judgment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert "No answers yet" in client.get(ANSWERS).content.decode()

    def test_has_rankings_and_texts_beside_it(self, hers: Client, project: Project, ada: User) -> None:
        batch = make.batch(project)
        Batch.objects.filter(pk=batch.pk).update(kind=Batch.Kind.DEMONSTRATION)
        version = make.guideline(project).versions.get()
        for question, counts in (("Write me a haiku", True), ("Write me an ode", False)):
            task = Task.objects.create(project=project, batch=batch, prompt=make.prompt(project, question))
            lent = TaskAssignment.objects.create(
                task=task, rater=ada, guideline_version=version, shuffle=1, expires_at=make.NOW
            )
            given = TaskAnswer.objects.create(
                assignment=lent, rater=ada, content={}, seconds=1, key=uuid.uuid4(), fingerprint="f"
            )
            if not counts:
                TaskWithdrawal.objects.create(answer=given, reason="taken back")

        html = hers.get(f"{ANSWERS}other/").content.decode()

        assert "Write me a haiku" in html and "Writing the ideal response" in html
        assert "Write me an ode" not in html


class TestOne:
    @pytest.mark.parametrize("swapped", [False, True])
    def test_shows_the_sides_as_they_were_shown(self, hers: Client, project: Project, ada: User, swapped: bool) -> None:
        comparison = make.comparison(project)
        Slot.objects.update(swapped=swapped)
        judgment = make.judgment(ada, project, preference=2, rationale="It is <i>true</i>.")

        html = hers.get(f"{ANSWERS}{judgment.pk}/").content.decode()

        left, right = comparison.response_a.text, comparison.response_b.text
        assert (html.index(left) < html.index(right)) != swapped
        assert f'value="{-2 if swapped else 2}"' in re.findall(r"<input[^>]*name=\"preference\"[^>]*checked", html)[0]
        assert "It is &lt;i&gt;true&lt;/i&gt;." in html

    def test_an_older_revision_leads_to_the_newest(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project, rationale="At first.")
        changed = _change(hers, first)

        answer = hers.get(f"{ANSWERS}{first.pk}/")

        assert answer.headers["Location"] == changed.headers["Location"]
        html = hers.get(answer.headers["Location"]).content.decode()
        assert html.index("What you said before") < html.index("At first.")

    def test_has_no_form_once_a_snapshot_has_it(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        judgment = make.judgment(ada, project)
        actions.freeze_judgments(project, upto=judgment.pk)

        html = hers.get(f"{ANSWERS}{judgment.pk}/").content.decode()

        assert "a snapshot never changes" in html
        assert "Send the change" not in html

    def test_never_runs_what_a_model_wrote(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        Response.objects.update(text="<script>alert(1)</script>\u202egnp")
        judgment = make.judgment(ada, project)

        html = hers.get(f"{ANSWERS}{judgment.pk}/").content.decode()

        assert "<script>alert" not in html
        assert "\u202e" not in html

    def test_costs_the_same_after_many_revisions(
        self, hers: Client, project: Project, ada: User, django_assert_max_num_queries: Any
    ) -> None:
        make.batch(project)
        newest = make.judgment(ada, project)
        for step in (1, -1, 2, -2, 3):
            answer = actions.Answer(shown=step)
            newest = actions.revise_judgment(newest, answer=answer, key=uuid.uuid4(), now=make.now())
        hers.get(f"{ANSWERS}{newest.pk}/")

        with django_assert_max_num_queries(14):
            hers.get(f"{ANSWERS}{newest.pk}/")

    def test_does_not_exist_for_others(self, client: Client, project: Project, ada: User, mallory: User) -> None:
        make.batch(project)
        judgment = make.judgment(ada, project)
        for person in (make.rater(project, "eve"), mallory):
            client.force_login(person)

            assert client.get(f"{ANSWERS}{judgment.pk}/").status_code == 404


class TestChanging:
    def test_stores_the_next_revision_and_shows_it(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)

        answer = _change(hers, first, preference="-3", rationale="After all.")

        second = queries.counted_judgments().get()
        assert answer.headers["Location"] == f"{ANSWERS}{second.pk}/"
        assert (second.revision, second.rationale, second.seconds) == (1, "After all.", 40.0)

    def test_sent_twice_counts_once(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first, key = make.judgment(ada, project), str(uuid.uuid4())

        answers = [_change(hers, first, key=key) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [302, 302]
        assert Judgment.objects.count() == 2

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"preference": ""}, "Choose how much better"),
            ({"preference": "9"}, "Choose one of the 7 steps"),
            ({"key": "x"}, "Bad key"),
            ({"rules": "999999"}, "not in the guideline"),
            ({"flags_left": "ugly"}, "Not changed yet"),
            ({"rationale": "x" * 4001}, "at most 4000"),
        ],
    )
    def test_says_what_is_wrong_in_place_and_changes_nothing(
        self, hers: Client, project: Project, ada: User, wrong: dict[str, str], said: str
    ) -> None:
        make.batch(project)
        first = make.judgment(ada, project)

        answer = _change(hers, first, **wrong)

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert Judgment.objects.count() == 1

    def test_comes_too_late_after_a_snapshot_and_says_so(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)
        actions.freeze_judgments(project, upto=first.pk)

        answer = _change(hers, first)

        assert answer.status_code == 409
        assert "This answer is in a snapshot by now" in answer.content.decode()

    def test_of_an_older_revision_shows_the_newest(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)
        _change(hers, first)

        answer = _change(hers, first, preference="3")

        assert answer.status_code == 409
        assert "A newer answer of yours" in answer.content.decode()
        assert Judgment.objects.count() == 2

    def test_does_not_exist_for_others(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert _change(client, first).status_code == 404

    def test_refuses_a_form_from_another_site(self, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(ada)

        assert _change(strict, first).status_code == 403

    def test_refuses_get(self, hers: Client, project: Project, ada: User) -> None:
        make.batch(project)
        first = make.judgment(ada, project)

        assert hers.get(f"{ANSWERS}{first.pk}/revision/").status_code == 405


def test_no_byte_of_an_answer_tells_what_a_rater_must_not_know(hers: Client, project: Project, ada: User) -> None:
    """Canaries in everything hidden; the list, each answer and each refusal are searched."""
    eve = make.rater(project, "evecanary")
    make.batch(project, comparisons=5, overlap=2)
    Response.objects.update(model_digest="canarydigest", sampling={"temperature": "canarysampling"})
    for comparison in Batch.objects.get().comparisons.all():
        make.gold(comparison, 3)
    for _ in range(5):
        make.judgment(eve, project, rationale="canaryrationale")
    mine = [make.judgment(ada, project) for _ in range(5)]
    actions.fold_labels(now=make.now())
    canaries = re.compile(rb"canary|gold|sampling|temperature|digest|is_known", re.IGNORECASE)

    pages = [hers.get(ANSWERS), *(hers.get(f"{ANSWERS}{judgment.pk}/") for judgment in mine)]
    pages += [_change(hers, judgment, preference="9") for judgment in mine]
    pages += [_change(hers, judgment) for judgment in mine for _ in range(2)]

    leaks = [found for page in pages for found in canaries.findall(page.content + str(page.headers).encode())]
    assert leaks == []
