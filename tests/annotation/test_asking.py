"""A lead chooses what raters are asked: from the next batch on, never over a colleague's head, and on record."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import close_old_connections, connection, transaction

from annotation.actions import ChangedMeanwhile, change_asking
from annotation.kinds import Asks, Quality
from annotation.models import Asking
from annotation.queries import asks_of, open_batches, questions_of
from raters.models import AuditEntry, Project, Role, User
from tests import make

SHORT = Asks(steps=3, qualities=(Quality("kind", "Kind"),), flags=("unsafe",), rationale_one_in=0)


def test_before_anybody_chose_the_usual_questions_are_asked(project: Project) -> None:
    there = questions_of(project)
    assert (there.asks, there.changed_by, there.changed_at) == (Asks(), "", None)


def test_what_a_lead_chose_is_asked_from_then_on(project: Project, cleo: User) -> None:
    moment = make.now()
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=cleo, now=moment)
    there = questions_of(project)
    assert (there.asks, there.changed_by, there.changed_at) == (SHORT, "Cleo", moment)
    assert Asks.read(make.batch(project).asks) == SHORT


def test_an_open_batch_keeps_what_it_was_opened_with(project: Project, cleo: User) -> None:
    batch = make.batch(project)
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=cleo, now=make.now())
    batch.refresh_from_db()
    assert Asks.read(batch.asks) == Asks()
    assert open_batches(project) == 1


def test_another_project_asks_what_it_asked(project: Project, cleo: User) -> None:
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=cleo, now=make.now())
    assert asks_of(make.project()) == Asks()


def test_a_change_is_on_record_with_what_was_asked_before(project: Project, cleo: User) -> None:
    change_asking(project, asks=SHORT, seen=questions_of(project).version, by=cleo, now=make.now())
    entry = AuditEntry.objects.get(action="questions.changed")
    assert (entry.project, entry.actor) == (project, cleo)
    assert (Asks.read(entry.details["before"]), Asks.read(entry.details["after"])) == (Asks(), SHORT)


def test_a_change_made_from_old_questions_is_refused_and_says_what_is_there(
    project: Project, cleo: User, olga: User
) -> None:
    seen = questions_of(project).version
    change_asking(project, asks=SHORT, seen=seen, by=olga, now=make.now())
    with pytest.raises(ChangedMeanwhile) as refusal:
        change_asking(project, asks=Asks(steps=5), seen=seen, by=cleo, now=make.now())
    assert (refusal.value.there.asks, refusal.value.there.changed_by) == (SHORT, "Olga")
    assert asks_of(project) == SHORT
    assert AuditEntry.objects.filter(action="questions.changed").count() == 1


def test_the_same_change_sent_twice_is_made_once(project: Project, cleo: User) -> None:
    seen = questions_of(project).version
    first = change_asking(project, asks=SHORT, seen=seen, by=cleo, now=make.now())
    assert change_asking(project, asks=SHORT, seen=seen, by=cleo, now=make.now()) == first
    assert AuditEntry.objects.filter(action="questions.changed").count() == 1


def test_saving_the_usual_questions_writes_nothing(project: Project, cleo: User) -> None:
    change_asking(project, asks=Asks(), seen=questions_of(project).version, by=cleo, now=make.now())
    assert not Asking.objects.exists()


def test_other_questions_have_another_version(project: Project) -> None:
    versions = {replace(questions_of(project), asks=asks).version for asks in (Asks(), SHORT, Asks(read_to_end=True))}
    assert len(versions) == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_leads_who_save_at_once_one_is_told() -> None:
    """The first save is held open until the second waits. Without the lock the second reads the questions from before
    the first, finds the version that it saw, and writes over it: nobody is told.
    """
    project = make.project()
    leads = [make.user("", Role.LEAD, project=project) for _ in range(2)]
    seen = questions_of(project).version
    written = threading.Event()
    told: list[ChangedMeanwhile] = []

    def save_slowly() -> None:
        with transaction.atomic():
            change_asking(project, asks=Asks(steps=3), seen=seen, by=leads[0], now=make.now())
            written.set()
            for _ in range(200):
                if somebody_waits():
                    break
                threading.Event().wait(0.01)
        connection.close()

    def save() -> None:
        close_old_connections()
        try:
            change_asking(project, asks=Asks(steps=5), seen=seen, by=leads[1], now=make.now())
        except ChangedMeanwhile as refusal:
            told.append(refusal)
        connection.close()

    first, second = threading.Thread(target=save_slowly), threading.Thread(target=save)
    first.start()
    written.wait(10)
    second.start()
    first.join()
    second.join()
    assert [refusal.there.asks.steps for refusal in told] == [3]
    assert asks_of(project).steps == 3


def somebody_waits() -> bool:
    """Whether a transaction of this database waits for another's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_raters_go_on_while_questions_are_saved() -> None:
    """Fails with a plain FOR UPDATE: every row that points at the project would wait for the lead."""
    project = make.project()
    lead = make.user("", Role.LEAD, project=project)
    done = threading.Event()

    def add_a_prompt() -> None:
        make.prompt(project)
        done.set()
        connection.close()

    with transaction.atomic():
        change_asking(project, asks=SHORT, seen=questions_of(project).version, by=lead, now=make.now())
        thread = threading.Thread(target=add_a_prompt)
        thread.start()
        went_on = done.wait(5)
    thread.join()
    assert went_on
