"""What happens to an answer besides being sent: skipped, undone, drafted, kept, and the exact text behind it."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation import actions as annotation
from annotation.models import Assignment, Judgment, Response, Seat, Withdrawal
from raters.models import Project, User
from tests import make

SCRIPT = {"X-Tare-Holds": "", "X-Tare-Ahead": "1"}


@pytest.fixture
def bench(client: Client, ada: User) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def _submit(client: Client, assignment: Assignment, **answer: object) -> object:
    sent = {"preference": "2", "key": str(uuid.uuid4()), "seconds": "12.5", **answer}
    return client.post(f"/p/helpfulness/assignments/{assignment.pk}/judgment/", sent, headers=SCRIPT)


def _undo(client: Client, assignment: Assignment | None, *, key: str = "") -> Any:
    assert assignment is not None
    return client.post(f"/p/helpfulness/assignments/{assignment.pk}/undo/", {"key": key}, headers=SCRIPT)


class TestSkip:
    def test_brings_the_next_one(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        lent = make.assignment(ada, project)

        answer = bench.post(f"/p/helpfulness/assignments/{lent.pk}/skip/", {"reason": "knowledge"}, headers=SCRIPT)

        assert answer.status_code == 200
        lent.refresh_from_db()
        assert (lent.state, lent.skip_reason) == ("skipped", "knowledge")

    def test_needs_a_reason(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        assert bench.post(f"/p/helpfulness/assignments/{lent.pk}/skip/", headers=SCRIPT).status_code == 422


class TestUndo:
    def test_gives_the_draft_back(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        lent = make.assignment(ada, project)
        _submit(bench, lent, preference="-2", rationale="B pads.")

        answer = _undo(bench, lent, key=str(Judgment.objects.get().key))

        html = answer.content.decode()
        assert f"/assignments/{lent.pk}/judgment/" in html
        assert re.search(r'name="preference" value="-2"[^>]* checked', html)
        assert "B pads." in html

    def test_takes_back_once_however_often_it_is_sent(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        judgment = make.judgment(ada, project)

        statuses = [_undo(bench, judgment.assignment, key=str(judgment.key)).status_code for _ in range(2)]

        assert statuses == [200, 200]
        assert Withdrawal.objects.count() == 1
        assert Seat.objects.get(rater=ada).judged == 0

    def test_refuses_what_was_never_sent(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project, comparisons=2)
        lent = make.assignment(ada, project)

        assert _undo(bench, lent, key=str(uuid.uuid4())).status_code == 409

    def test_gives_a_skipped_comparison_back(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = annotation.skip(make.assignment(ada, project), reason="skip", now=make.now())

        assert _undo(bench, lent).status_code == 200
        lent.refresh_from_db()
        assert lent.state == "open"
        assert Seat.objects.get(rater=ada).skipped == 0

    def test_does_not_take_a_skipped_comparison_from_who_has_it_now(
        self, bench: Client, project: Project, ada: User
    ) -> None:
        make.batch(project)
        lent = annotation.skip(make.assignment(ada, project), reason="skip", now=make.now())
        annotation.lend_next(project, rater=make.rater(project, "eve"), now=timezone.now())

        answer = _undo(bench, lent)

        assert answer.status_code == 409
        assert "Someone else has this comparison now" in answer.content.decode()

    def test_does_not_exist_for_someone_elses_judgment(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        judgment = make.judgment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert _undo(client, judgment.assignment).status_code == 404


class TestDraft:
    def test_comes_back_with_the_card(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        kept = bench.put(
            f"/p/helpfulness/assignments/{lent.pk}/draft/", "preference=3&quality_safe=-1&rationale=So+far&nonsense=1"
        )

        html = bench.get("/p/helpfulness/rate/").content.decode()
        assert kept.status_code == 204
        assert re.search(r'name="preference" value="3"[^>]* checked', html)
        assert re.search(r'name="quality_safe" value="-1"[^>]* checked', html)
        assert "So far" in html
        assert "nonsense" not in (Assignment.objects.get().draft or {})

    def test_is_refused_when_it_is_too_long(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        answer = bench.put(f"/p/helpfulness/assignments/{lent.pk}/draft/", "rationale=" + "x" * 20_000)

        assert answer.status_code == 413

    def test_of_an_answer_that_was_sent_is_let_go_of(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        judgment = make.judgment(ada, project)

        bench.put(f"/p/helpfulness/assignments/{judgment.assignment_id}/draft/", "preference=3")

        assert Assignment.objects.get().draft is None

    def test_does_not_exist_for_someone_else(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert client.put(f"/p/helpfulness/assignments/{lent.pk}/draft/", "preference=3").status_code == 404


class TestLeases:
    def test_are_kept_while_somebody_looks(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)

        answer = bench.post("/p/helpfulness/rate/leases/", headers={"X-Tare-Holds": str(lent.pk)})

        assert answer.json() == {"held": [lent.pk]}
        assert Assignment.objects.get().expires_at > lent.expires_at

    def test_of_others_are_not_held(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)
        client.force_login(make.rater(project, "eve"))

        answer = client.post("/p/helpfulness/rate/leases/", headers={"X-Tare-Holds": f"{lent.pk},x,-1"})

        assert answer.json() == {"held": []}


class TestSource:
    TEXT = "a\u202eb\r\n<b>\u200b&amp;\ttab"

    def test_is_the_stored_text_byte_for_byte(self, bench: Client, project: Project, ada: User) -> None:
        make.batch(project)
        Response.objects.update(text=self.TEXT)
        lent = make.assignment(ada, project)

        answer = bench.get(f"/p/helpfulness/assignments/{lent.pk}/source/a/")

        assert answer.content == self.TEXT.encode()
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert bench.get(f"/p/helpfulness/assignments/{lent.pk}/source/c/").status_code == 404

    def test_does_not_exist_for_someone_else(self, client: Client, project: Project, ada: User) -> None:
        make.batch(project)
        lent = make.assignment(ada, project)
        client.force_login(make.rater(project, "eve"))

        assert client.get(f"/p/helpfulness/assignments/{lent.pk}/source/a/").status_code == 404
