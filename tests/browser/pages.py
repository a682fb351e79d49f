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
from tests.evaluation import paper
from training.models import Metric, Run

STRANGER, RATER, LEAD = "a stranger", "ada", "cleo"
WHO = (STRANGER, RATER, LEAD)
QUESTION = guidelines.Question("Does padding count?", ("no", "yes"), answer=1, rule="2.1", explanation="See 2.1.")


@dataclass(frozen=True, slots=True)
class Stop:
    """One page: its name, who looks at it, and its address with names of `build` in braces.

    `keys` are pressed before anyone looks, and `opens` is what they open.
    """

    name: str
    who: str
    path: str
    keys: tuple[str, ...] = ()
    opens: str = ""
    status: int = 200


PAGES = [
    Stop("login", STRANGER, "/accounts/login/"),
    Stop("invitation", STRANGER, "/invitations/{secret}/"),
    Stop("invitation that is over", STRANGER, "/invitations/{spent}/", status=410),
    Stop("forgotten password", STRANGER, "/accounts/password/reset/"),
    Stop("forgotten password, sent", STRANGER, "/accounts/password/reset/done/"),
    Stop("sign-up is closed", STRANGER, "/accounts/signup/"),
    Stop("account is closed", STRANGER, "/accounts/inactive/"),
    Stop("no such page", STRANGER, "/nowhere/", status=404),
    Stop("home", RATER, "/p/helpfulness/"),
    Stop("guideline", RATER, "/p/helpfulness/guidelines/{guideline}/"),
    Stop("guideline to read, with questions", RATER, "/p/unread/guidelines/{unread}/"),
    Stop("bench", RATER, "/p/helpfulness/rate/"),
    Stop("bench, shortcuts", RATER, "/p/helpfulness/rate/", keys=("?",), opens="dialog[open]"),
    Stop("bench, cannot judge", RATER, "/p/helpfulness/rate/", keys=("x",), opens=":popover-open"),
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
]


def pages_of(who: str) -> list[Stop]:
    """What this person looks at."""
    return [stop for stop in PAGES if stop.who == who]


def build(project: Project, *, ada: User, cleo: User) -> dict[str, object]:
    """A project with a finished round and work left, a project with none, and a guideline nobody has read."""
    ran = paper.finished_round(project, script=paper.Script(kl=12.0))
    make.batch(project, comparisons=4)
    make.judgment(ada, project)
    quiet, unread = make.project("Quiet"), make.project("Unread")
    for other in (quiet, unread):
        raters.join(other, ada, role=Role.RATER)
    make.acknowledgement(ada, make.guideline_version(quiet))
    secret, spent = (_invite(project, cleo, days=days) for days in (0, 400))
    ppo, reward = (Run.objects.filter(part_of__round=ran, kind=kind).first() for kind in ("ppo", "reward"))
    assert ppo is not None and reward is not None
    Metric.objects.bulk_create(_metrics(ppo, "objective/kl", "objective/scores", "audit/scores", "objective/entropy"))
    return {
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
