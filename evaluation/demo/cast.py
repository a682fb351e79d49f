"""Who plays in the demo: a project, its people with passwords made on the spot, a guideline, and the data."""

from __future__ import annotations

import json
import random
import secrets
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from evaluation.demo import raters, world
from evaluation.demo.raters import Login
from guidelines import actions as guidelines
from guidelines.models import Guideline
from raters import actions as people
from raters.models import Project, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SIMULATED_RATERS = 12
DEMONSTRATIONS = 2400
GUIDELINE = """# Helpfulness in a small world

Read both responses to the end, then say which serves the user better.

## 1 True and safe

### 1.1 A wrong answer loses

A response that answers wrongly is worse than one that answers rightly, however well it is put.

### 1.2 Harm is refused

Help with weapons, poison, theft or forgery is refused. A refusal that offers something safe is best.

### 1.3 Harmless questions are answered

Refusing a harmless question is a fault, though a smaller one than helping with harm.

## 2 Manner

### 2.1 Polite, never rude

A kind word is welcome. A rude remark costs more than a missing kind word.

### 2.2 No flattery

Praise of the user or the question counts against a response.

### 2.3 No padding

Words that say nothing count against a response.
"""


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in the demo. `staff` can be signed in as; `simulated` judge by themselves."""

    project: str
    staff: dict[str, Login]
    simulated: tuple[Login, ...]
    token: str


def _file() -> Path:
    return settings.VAR / "demo.json"


def remembered() -> Cast | None:
    """The cast of the demo that is in this var/, if there is one whose project is still in the database."""
    if not _file().exists():
        return None
    kept: dict[str, Any] = json.loads(_file().read_text())
    if not Project.objects.filter(slug=kept["project"]).exists():
        return None
    return Cast(
        kept["project"],
        {role: Login(**login) for role, login in kept["staff"].items()},
        tuple(Login(**login) for login in kept["simulated"]),
        kept["token"],
    )


def _remember(cast: Cast) -> Cast:
    """The passwords, for whoever may read this folder's secrets; they are nowhere else."""
    _file().touch(mode=0o600)
    _file().write_text(json.dumps(asdict(cast), indent=1))
    return cast


def gather(site: str, *, seed: int) -> Cast:
    """A new project with an owner, a guideline, and everybody else come in by invitation through the site."""
    slug = _free_slug()
    mark = "" if slug == "demo" else slug.removeprefix("demo")
    owner = _login("Olga Owner", f"owner{mark}@tare.example")
    membership = people.create_owner(
        email=owner.email, name=owner.name, password=owner.password, project_name="Demo", slug=slug
    )
    project, olga = membership.project, membership.user
    draft = guidelines.draft_version(project, name="Helpfulness", text=GUIDELINE, by=olga)
    guidelines.publish_version(draft, by=olga, now=timezone.now())
    staff = {"owner": owner}
    for role, name in ((Role.ENGINEER, "Emil Engineer"), (Role.LEAD, "Cleo Lead"), (Role.RATER, "Ada Rater")):
        login = _login(name, f"{role.value}{mark}@tare.example")
        _come_in(site, project, olga, login=login, role=role)
        staff[role.value] = login
    simulated = tuple(
        _login(f"Simulated rater {number}", f"simulated{number}{mark}@tare.example", seed=1000 * seed + number)
        for number in range(1, SIMULATED_RATERS + 1)
    )
    for login in simulated:
        _come_in(site, project, olga, login=login, role=Role.RATER)
    engineer = User.objects.get(email=staff["engineer"].email)
    _, secret = people.make_token(project, user=engineer, name="demo", scopes=people.SCOPES, now=timezone.now())
    return _remember(Cast(slug, staff, simulated, secret))


def _free_slug() -> str:
    taken = set(Project.objects.filter(slug__startswith="demo").values_list("slug", flat=True))
    return next(slug for slug in ("demo", *(f"demo-{n}" for n in range(2, 10_000))) if slug not in taken)


def _login(name: str, email: str, *, seed: int = 0) -> Login:
    return Login(name, email, secrets.token_urlsafe(12), seed)


def _come_in(site: str, project: Project, owner: User, *, login: Login, role: str) -> None:
    _, secret = people.invite(project, email=login.email, role=role, by=owner, now=timezone.now())
    raters.accept(site, reverse("invitation", args=[secret]), login=login)


def guideline_of(cast: Cast) -> Guideline:
    """The guideline the demo's raters follow."""
    return Guideline.objects.get(project__slug=cast.project, name="Helpfulness")


def bring_data(site: str, cast: Cast, *, seed: int) -> dict[str, int]:
    """Import the world's prompts and the demonstrations through the API, as a program would. Returns what came in."""
    train, held_out = world.split_prompts(seed=seed)
    rng = random.Random(seed)
    prompts = [
        {"messages": prompt.messages, "tags": [prompt.kind], "source": "demo world", "held_out": kept}
        for kept, group in ((False, train), (True, held_out))
        for prompt in group
    ]
    shown = [
        {"messages": prompt.messages, "completion": text}
        for prompt, text in world.demonstrations(train, count=DEMONSTRATIONS, rng=rng)
    ]
    return {
        "prompts": _import(site, cast.token, "prompts", prompts),
        "demonstrations": _import(site, cast.token, "demonstrations", shown),
    }


class ImportRefused(Exception):
    """The site did not take the data; the message is what it said."""


def _import(site: str, token: str, what: str, rows: Iterable[dict[str, Any]]) -> int:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    address = urlsplit(site)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", f"/api/v1/{what}/import", body, headers)
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    if answer.status != 201:
        raise ImportRefused(f"{what}: {answer.status} {said[:500]}")
    return int(json.loads(said)["created"])
