"""Verbs about guidelines: draft, publish, acknowledge."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from guidelines.models import Acknowledgement, Guideline, GuidelineVersion, QuizQuestion, Rule, RuleReport
from guidelines.text import guideline_html, parse_rules
from raters.actions import note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from raters.models import Project, User


@dataclass(frozen=True, slots=True)
class Question:
    """A quiz question to attach to a version; `answer` is the index of the right choice."""

    question: str
    choices: tuple[str, ...]
    answer: int
    rule: str = ""
    explanation: str = ""


class AlreadyPublished(Exception):
    """The version is not a draft any more; its text stays as it is."""


class NotPublished(Exception):
    """Only a published version can be acknowledged."""


class ForeignRule(Exception):
    """The rule is not of the version that was reported on."""


class WrongAnswers(Exception):
    """Some quiz answers are missing or wrong. `by_question` maps each question's id to what to read again."""

    def __init__(self, by_question: dict[int, str]) -> None:
        super().__init__(f"{len(by_question)} to look at again.")
        self.by_question = by_question


@transaction.atomic
def draft_version(
    project: Project, *, name: str, text: str, by: User, major: bool = True, questions: Sequence[Question] = ()
) -> GuidelineVersion:
    """A new draft, numbered after the newest version. A rule keeps its identity while its title stays the same.

    Raises guidelines.text.BadGuideline, naming the line.
    """
    rules = parse_rules(text)
    guideline, _ = Guideline.objects.get_or_create(project=project, name=name)
    Guideline.objects.select_for_update().get(pk=guideline.pk)  # two drafts at once must not take one number
    newest = guideline.versions.first()
    number = (1, 0) if newest is None else (newest.major + 1, 0) if major else (newest.major, newest.minor + 1)
    version = GuidelineVersion.objects.create(
        guideline=guideline,
        major=number[0],
        minor=number[1],
        text=text,
        html=guideline_html(text),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        created_by=by,
    )
    known = {rule.title: rule.identity for rule in newest.rules.all()} if newest else {}
    made = {
        number: Rule.objects.create(
            version=version,
            number=number,
            title=title,
            text=body,
            position=position,
            **({"identity": known[title]} if title in known else {}),
        )
        for position, (number, title, body) in enumerate(rules)
    }
    QuizQuestion.objects.bulk_create(
        QuizQuestion(
            version=version,
            rule=made.get(asked.rule),
            question=asked.question,
            choices=list(asked.choices),
            answer=asked.answer,
            explanation=asked.explanation,
            position=position,
        )
        for position, asked in enumerate(questions)
    )
    note(project, actor=by, action="guideline.drafted", subject=version)
    return version


@transaction.atomic
def publish_version(version: GuidelineVersion, *, by: User, now: datetime) -> GuidelineVersion:
    """Make a draft the version raters work under; the one before retires. Raises AlreadyPublished."""
    Guideline.objects.select_for_update().get(pk=version.guideline_id)
    version.refresh_from_db()
    if version.state != GuidelineVersion.State.DRAFT:
        raise AlreadyPublished(f"{version} was published before.")
    live = GuidelineVersion.objects.filter(guideline=version.guideline_id, state=GuidelineVersion.State.PUBLISHED)
    live.update(state=GuidelineVersion.State.RETIRED)
    version.state, version.published_at = GuidelineVersion.State.PUBLISHED, now
    version.save(update_fields=["state", "published_at"])
    note(version.guideline.project, actor=by, action="guideline.published", subject=version)
    return version


@transaction.atomic
def acknowledge(version: GuidelineVersion, *, user: User, answers: Mapping[int, int]) -> Acknowledgement:
    """Record that a rater has read a version, once every quiz question is answered right.

    `answers` maps question ids to the index chosen. Raises NotPublished, WrongAnswers.
    """
    if version.state != GuidelineVersion.State.PUBLISHED:
        raise NotPublished(f"{version} is not in force.")
    wrong = {
        question.pk: question.explanation or "Not quite: read the rule again."
        for question in version.questions.all()
        if answers.get(question.pk) != question.answer
    }
    if wrong:
        raise WrongAnswers(wrong)
    acknowledgement, _ = Acknowledgement.objects.get_or_create(version=version, user=user)
    return acknowledgement


@transaction.atomic
def report_unclear(version: GuidelineVersion, *, user: User, rule: int | None, text: str) -> RuleReport:
    """Keep a rater's word that a rule, by id, or the version as a whole is unclear. Raises ForeignRule."""
    if rule is not None and not version.rules.filter(pk=rule).exists():
        raise ForeignRule("Choose a rule of this version.")
    report = RuleReport.objects.create(version=version, rule_id=rule, user=user, text=text)
    note(version.guideline.project, actor=user, action="guideline.reported", subject=version)
    return report
