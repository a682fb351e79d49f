"""Guidelines as policy: numbered, immutable once published, read before judging."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from guidelines import actions, queries
from guidelines.actions import Question
from guidelines.models import GuidelineVersion, Rule
from guidelines.text import BadGuideline
from raters.models import Project, User
from tests import make

CHANGED = make.TEXT.replace("### 2.1 Padding", "### 2.1 Brevity\n\nBe brief.\n\n### 2.2 Padding")


class TestDrafting:
    def test_finds_the_numbered_rules(self, project: Project, cleo: User) -> None:
        version = actions.draft_version(project, name="Helpfulness", text=make.TEXT, by=cleo)

        assert list(version.rules.values_list("number", flat=True)) == ["1.1", "2.1"]

    def test_numbers_a_change_of_wording_as_minor(self, project: Project, cleo: User) -> None:
        make.guideline_version(project, by=cleo)

        draft = actions.draft_version(project, name="Helpfulness", text=CHANGED, by=cleo, major=False)

        assert draft.label == "1.1"

    def test_keeps_a_rules_identity_when_it_is_renumbered(self, project: Project, cleo: User) -> None:
        first = make.guideline_version(project, by=cleo)
        second = actions.draft_version(project, name="Helpfulness", text=CHANGED, by=cleo)

        assert second.rules.get(number="2.2").identity == first.rules.get(number="2.1").identity

    def test_refuses_a_text_without_rules(self, project: Project, cleo: User) -> None:
        with pytest.raises(BadGuideline):
            actions.draft_version(project, name="Helpfulness", text="Be nice.", by=cleo)


class TestPublishing:
    def test_retires_the_version_before(self, project: Project, cleo: User) -> None:
        first = make.guideline_version(project, by=cleo)
        second = make.guideline_version(project, text=CHANGED, by=cleo)

        first.refresh_from_db()
        assert first.state == GuidelineVersion.State.RETIRED
        assert queries.live_version(first.guideline) == second

    def test_happens_once(self, project: Project, cleo: User) -> None:
        version = make.guideline_version(project, by=cleo)

        with pytest.raises(actions.AlreadyPublished):
            actions.publish_version(version, by=cleo, now=make.NOW)

    def test_makes_the_text_immutable(self, project: Project, cleo: User) -> None:
        version = make.guideline_version(project, by=cleo)

        with pytest.raises(DatabaseError), transaction.atomic():
            GuidelineVersion.objects.filter(pk=version.pk).update(text="Something else.")

    def test_makes_the_rules_immutable(self, project: Project, cleo: User) -> None:
        version = make.guideline_version(project, by=cleo)

        with pytest.raises(DatabaseError), transaction.atomic():
            Rule.objects.filter(version=version).update(title="Something else")


class TestAcknowledging:
    def test_is_remembered(self, project: Project, ben: User) -> None:
        version = make.guideline_version(project)

        actions.acknowledge(version, user=ben, answers={})

        assert queries.has_acknowledged(ben, version)

    def test_needs_every_question_right(self, project: Project, ben: User) -> None:
        asked = Question("Does padding count?", ("no", "yes"), answer=1, rule="2.1", explanation="See 2.1.")
        version = make.guideline_version(project, questions=[asked])
        question = version.questions.get()

        with pytest.raises(actions.WrongAnswers) as refusal:
            actions.acknowledge(version, user=ben, answers={question.pk: 0})

        assert refusal.value.by_question == {question.pk: "See 2.1."}
        assert actions.acknowledge(version, user=ben, answers={question.pk: 1}).user == ben

    def test_is_only_for_the_version_in_force(self, project: Project, cleo: User, ben: User) -> None:
        draft = actions.draft_version(project, name="Helpfulness", text=make.TEXT, by=cleo)

        with pytest.raises(actions.NotPublished):
            actions.acknowledge(draft, user=ben, answers={})
