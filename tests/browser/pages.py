"""Every page there is, and a site that has something on each of them.

A new page is one line in `PAGES`, and what it needs to be worth a look is made in `build`. The tests of this folder
walk the list: accessibility in three looks, and no sideways scroll at four widths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from guidelines import actions as guidelines
from raters import actions as raters
from raters.models import Project, Role, User
from tests import make
from tests.browser import site
from tests.evaluation import paper
from training.models import Metric, Run

STRANGER, RATER, LEAD = "a stranger", "ada", "cleo"
WHO = (STRANGER, RATER, LEAD)
P, RATE = "/p/helpfulness/", "/p/helpfulness/rate/"
QUESTION = guidelines.Question("Does padding count?", ("no", "yes"), answer=1, rule="2.1", explanation="See 2.1.")


@dataclass(frozen=True, slots=True)
class Stop:
    """One page: its name, who looks at it, and its address with names of `build` in braces.

    Before anyone looks, `fills` are put into fields, `keys` are pressed, `clicks` is clicked, the controls `lacks` are
    taken out, and the form `sends` is sent unchecked, whose answer has to be 422. `opens` is what is then to be seen.
    """

    name: str
    who: str
    path: str
    keys: tuple[str, ...] = ()
    opens: str = ""
    status: int = 200
    fills: tuple[tuple[str, str], ...] = ()
    clicks: str = ""
    lacks: str = ""
    sends: str = ""


PAGES = [
    Stop("login", STRANGER, "/accounts/login/"),
    Stop("invitation", STRANGER, "/invitations/{secret}/"),
    Stop("invitation that is over", STRANGER, "/invitations/{spent}/", status=410),
    Stop("forgotten password", STRANGER, "/accounts/password/reset/"),
    Stop("forgotten password, sent", STRANGER, "/accounts/password/reset/done/"),
    Stop("sign-up is closed", STRANGER, "/accounts/signup/"),
    Stop("account is closed", STRANGER, "/accounts/inactive/"),
    Stop("no such page", STRANGER, "/nowhere/", status=404),
    Stop("home", RATER, f"{P}"),
    Stop("home, a guideline changed", RATER, "/p/revised/"),
    Stop("home, nothing to do", RATER, "/p/quiet/"),
    Stop("guidelines", RATER, f"{P}guidelines/"),
    Stop("guideline", RATER, f"{P}guidelines/{{guideline}}/"),
    Stop("guideline to read, with questions", RATER, "/p/unread/guidelines/{unread}/"),
    Stop("guideline that changed", RATER, "/p/revised/guidelines/{revised}/", opens=".changes ins"),
    Stop("unclear rule", RATER, f"{P}guidelines/{{guideline}}/unclear/"),
    Stop("unclear rule, wrong", RATER, f"{P}guidelines/{{guideline}}/unclear/", sends="#unclear", opens=".err"),
    Stop("my answers", RATER, f"{P}answers/", opens=".item"),
    Stop("my answers, none", RATER, "/p/quiet/answers/"),
    Stop("one answer", RATER, f"{P}answers/{{answer}}/", opens="#judge"),
    Stop(
        "one answer, wrong",
        RATER,
        f"{P}answers/{{answer}}/",
        lacks="[name=preference]",
        sends="#judge",
        opens="#preference-error",
    ),
    Stop("other answers", RATER, f"{P}answers/other/", opens=".item"),
    Stop("other answers, none", RATER, "/p/quiet/answers/other/"),
    Stop("feedback", RATER, f"{P}feedback/", opens=".fb"),
    Stop("feedback, none", RATER, "/p/quiet/feedback/"),
    Stop("earnings", RATER, f"{P}earnings/", opens=".tbl"),
    Stop("earnings, none", RATER, "/p/quiet/earnings/"),
    Stop("settings", RATER, "/settings/"),
    Stop("settings, wrong", RATER, "/settings/", fills=(("[name=key-skip]", "u"),), sends="#settings", opens=".err"),
    Stop("distressing content", RATER, f"{P}sensitive/", opens="text=Stop offering it to me"),
    Stop("distressing content, to agree to", RATER, "/p/quiet/sensitive/", opens="[name=understood]"),
    Stop("ranking", RATER, f"{P}work/{{ranking}}/", opens=".rank-cards"),
    Stop("ranking, wrong", RATER, f"{P}work/{{ranking}}/", sends="#answer", opens=".ranks .err"),
    Stop("ranking, shortcuts", RATER, f"{P}work/{{ranking}}/", clicks="[data-shortcuts]", opens="#shortcuts[open]"),
    Stop("ranking, sent before", RATER, f"{P}task-answers/{{ranked}}/", opens=".rank-cards"),
    Stop("demonstration", RATER, f"{P}work/{{writing}}/", opens="#text"),
    Stop("edit", RATER, f"{P}work/{{editing}}/", opens="#text"),
    Stop("edit, wrong", RATER, f"{P}work/{{editing}}/", fills=(("#text", ""),), sends="#answer", opens=".err"),
    Stop("edit, sent before", RATER, f"{P}task-answers/{{edited}}/", opens="[data-changes] ins"),
    Stop("edit, veiled", RATER, f"{P}work/{{veiled_task}}/", opens="[data-unveil]"),
    Stop("no task left", RATER, f"{P}work/{{over}}/", opens=".empty"),
    Stop("talk, before it begins", RATER, f"{P}live/{{talk}}/"),
    Stop("red team, to agree to", RATER, f"{P}live/{{red_team}}/", opens="[name=consents]"),
    Stop("red team, not agreed", RATER, f"{P}live/{{red_team}}/", sends="form[action$='/begin/']", opens=".err"),
    Stop("talk, first turn", RATER, f"{P}conversations/{{composing}}/", opens="#text"),
    Stop("talk, nobody answers", RATER, f"{P}conversations/{{unanswered}}/", opens="#waiting"),
    Stop("talk, two answers", RATER, f"{P}conversations/{{offered}}/", opens="[data-answer=a]"),
    Stop("talk, covered answers", RATER, f"{P}conversations/{{covered}}/", opens="[data-answer=a] summary"),
    Stop("talk, judged", RATER, f"{P}conversations/{{judged}}/", opens="#text"),
    Stop("talk, over", RATER, f"{P}conversations/{{ended}}/"),
    Stop("bench", RATER, RATE),
    Stop("bench, shortcuts", RATER, RATE, keys=("?",), opens="#shortcuts[open]"),
    Stop("bench, cannot judge", RATER, RATE, keys=("x",), opens=":popover-open"),
    Stop("bench, guidelines beside it", RATER, RATE, keys=("g",), opens="#drawer [data-rule]"),
    Stop("bench, flags", RATER, RATE, keys=("[",), opens="[data-flag][open] fieldset"),
    Stop("bench, source", RATER, RATE, keys=("v",), opens=".resp.a [data-source]"),
    Stop("bench, paused", RATER, RATE, keys=("p",), opens="#paused[open]"),
    Stop("bench, reasons", RATER, RATE, keys=("2", "q", "n"), opens="#rationale"),
    Stop("bench, wrong", RATER, f"{RATE}?batch={{code}}", sends="#judge", opens="#preference-error"),
    Stop("bench, long", RATER, f"{RATE}?batch={{long}}", opens="[data-hidden]"),
    Stop("bench, code after earlier turns", RATER, f"{RATE}?batch={{code}}", opens=".resp.a .prose pre"),
    Stop("bench, maths and a table", RATER, f"{RATE}?batch={{maths}}", opens=".prose"),
    Stop("bench, right to left", RATER, f"{RATE}?batch={{arabic}}", opens=".prose"),
    Stop("bench, veiled", RATER, f"{RATE}?batch={{veiled}}", opens=".veil .btn"),
    Stop("bench, just sent", RATER, RATE, keys=("2", "Enter"), opens="[data-undo-bar][data-sent]"),
    Stop("empty bench", RATER, "/p/quiet/rate/"),
    Stop("two-step sign-in", RATER, "/accounts/2fa/"),
    Stop("two-step sign-in, activate", RATER, "/accounts/2fa/totp/activate/"),
    Stop("password", RATER, "/accounts/password/change/"),
    Stop("email address", RATER, "/accounts/email/"),
    Stop("password again", RATER, "/accounts/reauthenticate/"),
    Stop("sign out", RATER, "/accounts/logout/"),
    Stop("no such page, signed in", RATER, "/p/helpfulness/quality/", status=404),
    Stop("quality", LEAD, "/p/helpfulness/quality/"),
    Stop("training loop", LEAD, "/p/helpfulness/training/"),
    Stop("round", LEAD, "/p/helpfulness/rounds/1/"),
    Stop("runs", LEAD, "/p/helpfulness/runs/"),
    Stop("run, PPO", LEAD, "/p/helpfulness/runs/{ppo}/"),
    Stop("run, reward model", LEAD, "/p/helpfulness/runs/{reward}/"),
    Stop("run, queued", LEAD, "/p/helpfulness/runs/{queued}/"),
    Stop("datasets", LEAD, "/p/helpfulness/datasets/"),
    Stop("questions", LEAD, f"{P}questions/", opens="#asking-form"),
    Stop(
        "questions, wrong",
        LEAD,
        f"{P}questions/",
        fills=(("[name=label-0]", "Same"), ("[name=label-1]", "same")),
        sends="#asking-form",
        opens="#asking-form [role=alert]",
    ),
]


def pages_of(who: str) -> list[Stop]:
    """What this person looks at."""
    return [stop for stop in PAGES if stop.who == who]


def build(project: Project, *, ada: User, cleo: User) -> dict[str, object]:
    """A project with a finished round and work left, a project with none, and a guideline nobody has read."""
    ran = paper.finished_round(project, script=paper.Script(kl=12.0))
    content = site.build(project, ada=ada)
    quiet, unread = make.project("Quiet"), make.project("Unread")
    for other in (quiet, unread):
        raters.join(other, ada, role=Role.RATER)
    make.acknowledgement(ada, make.guideline_version(quiet))
    secret, spent = (_invite(project, cleo, days=days) for days in (0, 400))
    ppo, reward = (Run.objects.filter(part_of__round=ran, kind=kind).first() for kind in ("ppo", "reward"))
    assert ppo is not None and reward is not None
    Metric.objects.bulk_create(_metrics(ppo, "objective/kl", "objective/scores", "audit/scores", "objective/entropy"))
    return {
        **content,
        "secret": secret,
        "spent": spent,
        "guideline": make.guideline(project).versions.get(state="published").pk,
        "unread": make.guideline_version(unread, questions=[QUESTION]).pk,
        "ppo": ppo.pk,
        "reward": reward.pk,
        "queued": _queued(ppo).pk,
    }


def _invite(project: Project, by: User, *, days: int) -> str:
    """An invitation sent this many days ago."""
    moment = timezone.now() - timedelta(days=days)
    _, secret = raters.invite(project, email=f"new{days}@example.org", role=Role.RATER, by=by, now=moment)
    return secret


def _queued(like: Run) -> Run:
    """A run like that one, which nobody has claimed."""
    return Run.objects.create(project=like.project, kind=like.kind, name="again", recipe=like.recipe)


def _metrics(run: Run, *names: str) -> Iterator[Metric]:
    for step in range(1, 41):
        yield Metric(run=run, step=step, values={name: step / (10 + place) for place, name in enumerate(names)})
