"""What stands on a rater's pages when they are walked: every kind of work, and texts that are hard to show.

All of it is in the project of ada, who has answered, been settled against, and taken work of each kind.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from annotation import actions as annotation
from annotation.kinds import DEMONSTRATION, EDIT, RANKING, RED_TEAM
from annotation.models import Batch, Conversation, Exchange
from raters import actions as raters
from raters.models import Project, Role, User
from tests import make

PADDING = "Both ways have advantages, and the right choice depends on what you prefer. "
LONG = "The fast train takes about three hours.\n\n1. **Cost.** Cheaper with a bag.\n2. **Work.** One stretch.\n\n"
CODE = """Both are arguments to `rolling`. See [the manual](https://pandas.pydata.org/docs).

```python
roll = df["value"].rolling("5min", min_periods=4, center=True, closed="both", method="single", on="timestamp")
df["avg"] = roll.mean()  # blanks out a dropout
```

> Choose `min_periods` from your sampling rate.
"""
MATHS = r"""Let $x = 0.999\ldots$ Then

$$10x - x = 9.999\ldots - 0.999\ldots = 9 \quad\Rightarrow\quad x = \frac{9}{9} = 1$$

| n | partial sum | distance from 1 | in words that make the row wide |
|--:|:------------|-----------------|---------------------------------|
| 1 | 0.9 | $10^{-1}$ | one step of ten away from the whole |
| 12 | 0.999999999999 | $10^{-12}$ | twelve steps of ten away from the whole |
"""
HIDDEN = "They are equal\u202e.sdrow terces\u202c ![a chart](https://elsewhere.example/chart.png) Zero\u200bwidth."
ARABIC = """الطقس هو حالة الجو خلال ساعات أو أيام، أما المناخ فهو متوسط تلك الحالات على مدى عقود.

- الطقس: ما تراه من النافذة.
- المناخ: ما تتوقعه في هذا الشهر كل عام.

يُحسب المتوسط عادةً على `30 years` من القياسات.
"""
NEW_RULES = make.TEXT.replace("outweighs style.", "outweighs style and length.").replace(
    "## 2 Short", "### 1.2 Doubt\n\nSay when you are unsure.\n\n## 2 Short"
)
TURNS = ("How do I get a five-minute rolling average?", "Use `rolling(5)`.", "The first rows look wrong. Why?")


def build(project: Project, *, ada: User) -> dict[str, object]:
    """Give ada something on every page. Returns ids by the names that addresses use in braces."""
    project.currency = "EUR"
    project.save(update_fields=["currency"])
    rhea = make.user("rhea", Role.REVIEWER, project=project)
    judgment = _history(project, ada=ada, rhea=rhea)
    raters.agree_to_sensitive(project, user=ada, now=timezone.now())
    hard = _hard_texts(project)
    return {"answer": judgment, **hard, **_tasks(project, ada=ada), **_talks(project, ada=ada), **_revised(ada)}


def _history(project: Project, *, ada: User, rhea: User) -> int:
    """A paid batch with work left, a changed answer, and two that a reviewer settled. Returns the changed one's id."""
    batch = make.batch(project, comparisons=12, name="round 7, batch 114")
    Batch.objects.filter(pk=batch.pk).update(pay_minor=62)
    settled = [make.judgment_today(ada, project, preference=step) for step in (2, -1)]
    for each in settled:
        annotation.adjudicate(
            each.comparison, reviewer=rhea, preference=1, rule=each.guideline_version.rules.first(), text="A is wrong."
        )
    first = make.judgment_today(ada, project)
    answer = annotation.Answer(shown=2, seconds=9.0, rationale="After a second look.", flags_left=("factual_error",))
    return annotation.revise_judgment(first, answer=answer, key=uuid.uuid4(), now=timezone.now()).pk


def _hard_texts(project: Project) -> dict[str, object]:
    """A batch for each kind of text: long, code after earlier turns, maths and a table, right to left, distressing."""
    pairs: dict[str, object] = {
        "long": _compared(project, "Train or plane?", LONG + PADDING * 40, PADDING * 90),
        "code": _compared(project, TURNS[2], CODE, PADDING, before=TURNS[:2]),
        "maths": _compared(project, "Does 0.999… equal 1?", MATHS, HIDDEN),
        "arabic": _compared(project, "ما الفرق بين الطقس والمناخ؟", ARABIC, "They are not the same.", language="ar"),
        "veiled": _compared(project, "What is in the news?", "Something sad.", "Something sadder.", is_sensitive=True),
    }
    while annotation.render_due(now=timezone.now()):
        continue
    return pairs


def _compared(
    project: Project, question: str, *texts: str, before: tuple[str, ...] = (), language: str = "en", **terms: object
) -> int:
    """A batch of one comparison of two texts. Returns its id."""
    asked = make.prompt(project, question, before=before, language=language)
    first, second = make.responses(asked, *texts)
    return make.batch_of(project, (first, second), name=f"batch on {question}", **terms).pk


def _tasks(project: Project, *, ada: User) -> dict[str, object]:
    """One batch of each other kind of work, one that ada is through with, and what she answered there."""
    texts = (CODE, MATHS, PADDING, "No.")
    batches: dict[str, object] = {
        "ranking": make.task_batch(project, RANKING, tasks=2, texts=texts, name="rank these").pk,
        "writing": make.task_batch(project, DEMONSTRATION, name="ideal answers", instructions="Two sentences.").pk,
        "editing": make.task_batch(project, EDIT, texts=(CODE,), name="improve").pk,
        "veiled_task": make.task_batch(project, EDIT, texts=(PADDING,), name="mend", is_sensitive=True).pk,
    }
    over = make.task_batch(project, EDIT, texts=("Ponies are big.",), name="over")
    edited = make.task_answer(ada, over, "Ponies are small.")
    ranked = make.task_answer(ada, make.task_batch(project, RANKING, name="ranked"), (1, 2, 2, 3))
    return {**batches, "over": over.pk, "edited": edited.pk, "ranked": ranked.pk}


def _talks(project: Project, *, ada: User) -> dict[str, object]:
    """A place to talk, one to attack, and a conversation of ada's in each of its states."""

    def begun(name: str, **terms: Any) -> Conversation:
        return make.conversation(ada, make.live_batch(project, name=name, **terms))

    places = {"talk": make.live_batch(project, name="talk").pk}
    places["red_team"] = make.live_batch(project, kind=RED_TEAM, name="attack", is_sensitive=True).pk
    states = {"composing": begun("about trains"), "judged": begun("about rice"), "ended": begun("about the Moon")}
    for name, terms in {"offered": {}, "covered": {"kind": RED_TEAM, "is_sensitive": True}}.items():
        states[name] = begun(name, **terms)
        make.turn(states[name], TURNS[0])
        make.offer(CODE, MATHS)
    make.turn(states["judged"], "Is rice safe after a night?")
    make.live_judgment(make.offer("No.", "Yes, if it is hot."))
    annotation.end_conversation(states["ended"], now=timezone.now())
    states["unanswered"] = begun("about climate")
    turn = make.turn(states["unanswered"], ARABIC)
    Exchange.objects.filter(pk=turn.pk).update(asked_at=timezone.now() - timedelta(hours=1))
    while annotation.render_due(now=timezone.now()):
        continue
    return {**places, **{name: talk.pk for name, talk in states.items()}}


def _revised(ada: User) -> dict[str, object]:
    """A project in which ada confirmed a guideline that has changed since."""
    project = make.project("Revised")
    raters.join(project, ada, role=Role.RATER)
    make.acknowledgement(ada, make.guideline_version(project))
    return {"revised": make.guideline_version(project, text=NEW_RULES, major=False).pk}
