"""Builders of dull defaults: each makes what it needs, through the real actions where there is one."""

from __future__ import annotations

import itertools
import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from annotation import actions as annotation
from annotation.aggregation import StoppingRule
from annotation.kinds import DEMONSTRATION, EDIT, RANKING, Content, Ranking, Writing
from annotation.models import (
    Assignment,
    Batch,
    Comparison,
    Conversation,
    Exchange,
    Judgment,
    Prompt,
    Response,
    Task,
    TaskAnswer,
    TaskAssignment,
    TaskResponse,
)
from guidelines import actions as guidelines
from guidelines.models import Acknowledgement, Guideline, GuidelineVersion
from raters import actions as raters
from raters.models import Project, Role, User

_count = itertools.count(1)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PASSWORD = "a long enough passphrase"
TEXT = """# Helpfulness

## 1 True

### 1.1 Wrong claims decide

A wrong claim outweighs style.

## 2 Short

### 2.1 Padding

Padding counts against a response.
"""


def now() -> datetime:
    """The moment at which the tests' stories begin, plus a second for each call: order is kept."""
    return NOW + timedelta(seconds=next(_count))


def user(name: str = "", *roles: str, project: Project | None = None) -> User:
    """A person, in the given roles of the project."""
    name = name or f"person{next(_count)}"
    person = User.objects.create_user(f"{name.lower()}@example.org", name=name.title(), password=PASSWORD)
    for role in roles:
        assert project is not None
        raters.join(project, person, role=role)
    return person


def project(name: str = "") -> Project:
    """A project nobody is in."""
    name = name or f"Project {next(_count)}"
    return Project.objects.create(name=name, slug=name.lower().replace(" ", "-"))


def guideline_version(
    project: Project, *, name: str = "Helpfulness", text: str = TEXT, **more: Any
) -> GuidelineVersion:
    """A published version."""
    author = more.pop("by", None) or user("", Role.LEAD, project=project)
    draft = guidelines.draft_version(project, name=name, text=text, by=author, **more)
    return guidelines.publish_version(draft, by=author, now=now())


def guideline(project: Project) -> Guideline:
    """The project's guideline, published when there is none yet."""
    found = Guideline.objects.filter(project=project).first()
    return found or guideline_version(project).guideline


def acknowledgement(person: User, version: GuidelineVersion) -> Acknowledgement:
    """The rater has read the version."""
    return guidelines.acknowledge(version, user=person, answers={})


def rater(project: Project, name: str = "") -> User:
    """A rater who has read the project's guideline."""
    person = user(name, Role.RATER, project=project)
    version = guideline(project).versions.get(state="published")
    acknowledgement(person, version)
    return person


def prompt(project: Project, question: str = "", *, before: tuple[str, ...] = (), **more: Any) -> Prompt:
    """A prompt of one user turn, after the turns `before`, which user and assistant take by turns."""
    turns = (*before, question or f"What is {next(_count)}?")
    messages = [{"role": ("user", "assistant")[place % 2], "content": turn} for place, turn in enumerate(turns)]
    new = annotation.NewPrompt(messages=messages, **more)
    return annotation.add_prompts(project, conversations=[new])[0]


def responses(prompt: Prompt, *texts: str, model_digest: str = "0" * 64) -> list[Response]:
    """What a model answered; two different texts when none are given."""
    texts = texts or (f"Answer {next(_count)}.", f"Answer {next(_count)}.")
    rows = [(prompt.pk, text) for text in texts]
    return annotation.store_responses(prompt.project, model_digest=model_digest, sampling={}, rows=rows)


def batch(
    project: Project,
    *,
    comparisons: int = 1,
    overlap: int = 1,
    split_panels: bool = False,
    name: str = "",
    held_out: bool = False,
    adaptive: StoppingRule | None = None,
) -> Batch:
    """A batch of comparisons, each of its own prompt."""
    pairs = []
    for _ in range(comparisons):
        first, second = responses(prompt(project, held_out=held_out))
        pairs.append((first.pk, second.pk))
    return annotation.open_batch(
        project,
        name=name or f"batch {next(_count)}",
        guideline=guideline(project),
        pairs=pairs,
        overlap=overlap,
        split_panels=split_panels,
        adaptive=adaptive,
        rng=np.random.default_rng(1),
    )


def batch_of(project: Project, *pairs: tuple[Response, Response], name: str = "", **terms: Any) -> Batch:
    """A batch of comparisons of these responses."""
    return annotation.open_batch(
        project,
        name=name or f"batch {next(_count)}",
        guideline=guideline(project),
        pairs=[(first.pk, second.pk) for first, second in pairs],
        overlap=1,
        split_panels=False,
        rng=np.random.default_rng(1),
        **terms,
    )


def comparison(project: Project, **more: Any) -> Comparison:
    """One open comparison, in a batch of its own."""
    return batch(project, **more).comparisons.get()


def gold(comparison: Comparison, preference: int) -> Comparison:
    """The comparison, with its answer known."""
    Comparison.objects.filter(pk=comparison.pk).update(gold_preference=preference, gold_reason="It is known.")
    comparison.refresh_from_db()
    return comparison


def assignment(person: User, project: Project) -> Assignment:
    """What the rater is lent next."""
    return annotation.lend_next(project, rater=person, now=now())


def assignment_by(person: User, project: Project, rng: random.Random) -> Assignment:
    """The same, as this chance has it."""
    return annotation.lend_next(project, rater=person, now=now(), rng=rng)


def judgment(person: User, project: Project, *, preference: int = 1, **more: Any) -> Judgment:
    """The rater judges what they are lent; `preference` is canonical."""
    lent = assignment(person, project)
    shown = -preference if lent.swapped else preference
    answer = annotation.Answer(shown=shown, seconds=more.pop("seconds", 30.0), **more)
    return annotation.submit_judgment(lent, answer=answer, key=uuid.uuid4(), now=now())


def judgment_today(person: User, project: Project, *, preference: int = 1, seconds: float = 60.0) -> Judgment:
    """The same, sent today as the machine's clock has it: for pages that look at the last weeks."""
    lent = annotation.lend_next(project, rater=person, now=timezone.now())
    shown = -preference if lent.swapped else preference
    answer = annotation.Answer(shown=shown, seconds=seconds)
    return annotation.submit_judgment(lent, answer=answer, key=uuid.uuid4(), now=timezone.now())


def task_batch(
    project: Project,
    kind: str = RANKING,
    *,
    tasks: int = 1,
    overlap: int = 1,
    name: str = "",
    texts: tuple[str, ...] = (),
    **terms: Any,
) -> Batch:
    """A batch of tasks, each of its own prompt: four responses to rank, one to improve, none to write from nothing.

    `texts` are the responses of each task.
    """
    wanted = {RANKING: 4, EDIT: 1, DEMONSTRATION: 0}[kind]
    made = []
    for _ in range(tasks):
        asked = prompt(project)
        answers = texts or tuple(f"Answer {next(_count)}." for _ in range(wanted))
        made.append((asked.pk, [response.pk for response in responses(asked, *answers)] if answers else []))
    return annotation.open_task_batch(
        project,
        name=name or f"{kind} {next(_count)}",
        guideline=guideline(project),
        kind=kind,
        tasks=made,
        overlap=overlap,
        **terms,
    )


def task_assignment(person: User, batch: Batch) -> TaskAssignment:
    """The task that the rater is lent next."""
    return annotation.lend_task(batch.project, rater=person, batch=batch, now=now())


def ranking(assignment: TaskAssignment, *ranks: int) -> Ranking:
    """Ranks for the responses of a task in the order of their ids: best to worst when none are given."""
    ids = list(
        TaskResponse.objects.filter(task=assignment.task).order_by("response").values_list("response", flat=True)
    )
    given = ranks or tuple(range(1, len(ids) + 1))
    return Ranking.of(dict(zip(ids, given, strict=True)), responses=ids)


def content(assignment: TaskAssignment, said: str | tuple[int, ...] = "") -> Content:
    """An answer of the right kind: `said` is its text or its ranks."""
    if assignment.task.batch.kind == RANKING:
        assert not isinstance(said, str) or not said
        return ranking(assignment, *(said if isinstance(said, tuple) else ()))
    return Writing(str(said) or f"Better {next(_count)}.")


def task_answer(
    person: User, batch: Batch, said: str | tuple[int, ...] = "", *, seconds: float = 60.0, rationale: str = ""
) -> TaskAnswer:
    """The rater answers the task they are lent."""
    lent = task_assignment(person, batch)
    return annotation.answer_task(
        lent, content=content(lent, said), rationale=rationale, seconds=seconds, key=uuid.uuid4(), now=now()
    )


def given(rater: User, project: Project, *, preference: int = 1, **more: Any) -> Judgment:
    """The rater judges what they are lent, and says more than how much better: qualities, flags, that no rule fits."""
    lent = assignment(rater, project)
    ended = now()
    Assignment.objects.filter(pk=lent.pk).update(state=Assignment.State.JUDGED, ended_at=ended)
    return Judgment.objects.create(
        assignment=lent,
        comparison=lent.comparison,
        rater=rater,
        guideline_version=lent.guideline_version,
        preference=preference,
        swapped=lent.swapped,
        seconds=30.0,
        key=uuid.uuid4(),
        fingerprint="given",
        created_at=ended,
        **more,
    )


def implied(rater: User, comparison: Comparison, *, preference: int = 1, **more: Any) -> Judgment:
    """A ranking of the rater's implies a judgment on the comparison."""
    version = guideline(comparison.project).versions.get()
    task = Task.objects.create(project=comparison.project, batch=comparison.batch, prompt=comparison.prompt)
    lent = TaskAssignment.objects.create(
        task=task, rater=rater, guideline_version=version, shuffle=1, expires_at=now() + timedelta(minutes=10)
    )
    answer = TaskAnswer.objects.create(
        assignment=lent, rater=rater, content={}, seconds=60.0, key=uuid.uuid4(), fingerprint="ranked"
    )
    return Judgment.objects.create(
        answer=answer,
        comparison=comparison,
        rater=rater,
        guideline_version=version,
        preference=preference,
        swapped=False,
        seconds=20.0,
        key=uuid.uuid4(),
        fingerprint="implied",
        created_at=now(),
        **more,
    )


def live_batch(project: Project, *, kind: str = "live", name: str = "", is_sensitive: bool = False) -> Batch:
    """A place for conversations."""
    return annotation.open_live_batch(
        project,
        name=name or f"talk {next(_count)}",
        guideline=guideline(project),
        kind=kind,
        instructions="Be curious.",
        is_sensitive=is_sensitive,
        by=user("", Role.LEAD, project=project),
    )


def conversation(person: User, batch: Batch) -> Conversation:
    """The rater begins to talk, with their consent where it is asked for."""
    return annotation.open_conversation(batch, rater=person, consents=True, now=now())


def turn(conversation: Conversation, text: str = "") -> Exchange:
    """What the rater says next."""
    return annotation.say(conversation, text=text or f"Tell me {next(_count)}.", key=uuid.uuid4(), now=now())


def offer(*texts: str, model_digest: str = "d" * 64) -> Exchange:
    """A worker claims the turn that waits longest and answers it."""
    claimed = annotation.claim_exchange(now=now())
    assert claimed is not None
    first, second = texts or (f"One answer {next(_count)}.", f"Another answer {next(_count)}.")
    return annotation.offer_candidates(
        claimed,
        token=claimed.token,
        model_digest=model_digest,
        candidates=(annotation.Candidate(first), annotation.Candidate(second)),
        rng=random.Random(next(_count)),
        now=now(),
    )


def live_judgment(exchange: Exchange, *, preference: int = 2, seed: int = 1) -> Judgment:
    """The rater judges what they were offered; `preference` is canonical."""
    swapped = Assignment.objects.get(comparison=exchange.comparison_id, rater=exchange.conversation.rater_id).swapped
    answer = annotation.Answer(shown=-preference if swapped else preference, seconds=20.0)
    return annotation.judge_exchange(exchange, answer=answer, key=uuid.uuid4(), rng=random.Random(seed), now=now())
