"""A project of N comparisons and 2,000 raters, made in the database that DATABASE_URL names.

    python -m benchmarks.rating.world make 1000000
    python -m benchmarks.rating.world sign-in

One of each row comes from the real actions; `make` copies those rows with SQL, through the real tables, their unique
and check constraints and their indexes. Foreign keys and triggers rest meanwhile (session_replication_role = replica).
A prompt has six responses and so fifteen comparisons, none of which follows another of the same prompt, and each
response is one of 20,000 texts, rendered as a worker would have done.

Every tenth comparison has one judgment by one of the raters, who have judged different amounts, each at a stretch and
somewhere in the pool. One more rater, `lone`, has judged the first tenth of the pool, at most 100,000. `new` has judged
nothing. `sign-in` writes a session for each and prints their cookies as JSON: nobody fills in 2,000 login forms.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import timedelta
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from annotation.models import Assignment, Batch, Comparison, Judgment, Prompt, Rendering, Response, Seat, Slot
from annotation.rendering import RENDERER_VERSION
from annotation.rendering.markup import render
from benchmarks.page import markdown, prose
from guidelines.models import Acknowledgement
from raters.models import Membership, Standing, User
from raters.sessions import SessionStore
from tests import make

RATERS = 2_000
OVERLAP = 3
RESPONSES = 6
PAIRS = RESPONSES * (RESPONSES - 1) // 2
TEXTS = 20_000
BODIES = 64
MOST_ALONE = 100_000
ONE_JUDGED_IN = 10
LONE, NEW = "lone", "new"
EARLIER = "now() - interval '1 day' + g * interval '1 millisecond'"


def build(comparisons: int, *, rng: random.Random) -> None:
    """The project, its pool and its raters, with all that happened before the measurement."""
    with transaction.atomic(), connection.cursor() as cursor:
        pool = _Pool(cursor, comparisons - 2)
        # from here on what is written is believed: no foreign key is looked up, no relay rung
        cursor.execute("SET LOCAL session_replication_role = replica")
        pool.make_people()
        pool.make_texts(rng)
        pool.make_history(rng)
        pool.make_comparisons()
        pool.make_judgments()
        pool.make_bookmarks()
        pool.number_on()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


class _Pool:
    """The rows that the real actions made, and how to copy them."""

    def __init__(self, cursor: Any, size: int) -> None:
        self.cursor, self.size = cursor, size
        self.prompts = -(-size // PAIRS)
        self.alone = min(MOST_ALONE, size // ONE_JUDGED_IN)
        project = make.project("Bench")
        ada = make.rater(project, "ada")
        batch = make.batch(project, comparisons=2, overlap=OVERLAP)
        judgment = make.judgment(ada, project)
        self.judgment, self.ada = judgment, ada
        self.comparison = batch.comparisons.exclude(pk=judgment.comparison_id).get()
        # ids of what is made by number: the last one that is there
        self.person = User.objects.latest("pk").pk
        self.prompt = Prompt.objects.latest("pk").pk
        self.response = Response.objects.latest("pk").pk
        self.first = Comparison.objects.latest("pk").pk

    def copy(self, model: Any, *, like: int, rows: str, **given: str) -> None:
        """Insert the row with id `like` for each of `rows`, with some of its columns as expressions over them."""
        table = model._meta.db_table
        names = [field.column for field in model._meta.concrete_fields if not field.primary_key or "id" in given]
        values = ", ".join(given.get(name, f'model."{name}"') for name in names)
        into = ", ".join(f'"{name}"' for name in names)
        source = f"{rows} CROSS JOIN (SELECT * FROM {table} WHERE id = {like}) model"  # noqa: S608  all of it is ours
        self.cursor.execute(f"INSERT INTO {table} ({into}) SELECT {values} FROM {source}")  # noqa: S608  the same

    def make_people(self) -> None:
        """`lone` is the first, `new` the second; all are raters who have read the guideline."""
        person, everyone = f"{self.person} + g", f"generate_series(1, {RATERS}) g"
        name = f"CASE g WHEN 1 THEN '{LONE}' WHEN 2 THEN '{NEW}' ELSE 'rater' || g END"
        email = f"{name} || '@bench.example.org'"
        self.copy(User, like=self.ada.pk, rows=everyone, id=person, name=name, email=email)
        for model in (Membership, Acknowledgement):
            like = model.objects.get(user=self.ada).pk
            self.copy(model, like=like, rows=everyone, user_id=person)
        like = Standing.objects.get(user=self.ada).pk
        self.copy(Standing, like=like, rows=everyone, user_id=person, pseudonym="'rater-' || g", panel="g % 2")

    def make_texts(self, rng: random.Random) -> None:
        """Prompts, responses and their renderings: whole bodies are few, but no two of the texts are the same."""
        bodies = [markdown(rng) for _ in range(BODIES)]
        questions = [prose(rng, 300) for _ in range(BODIES)]
        self.cursor.execute("CREATE TEMP TABLE body (n int PRIMARY KEY, text text, html text, question text)")
        for n, (body, question) in enumerate(zip(bodies, questions, strict=True)):
            self.cursor.execute("INSERT INTO body VALUES (%s, %s, %s, %s)", [n, body, render(body), question])
        said = "'Prompt ' || g || '. ' || body.question"
        digest = "encode(sha256(convert_to({}, 'UTF8')), 'hex')"
        numbered = f"{{}} g JOIN body ON body.n = g % {BODIES}"
        prompts = numbered.format(f"generate_series(1, {self.prompts})")
        messages = f"jsonb_build_array(jsonb_build_object('role', 'user', 'content', {said}))"
        self.copy(
            Prompt,
            like=self.prompt,
            rows=prompts,
            id=f"{self.prompt} + g",
            messages=messages,
            sha256=digest.format(said),
        )
        texts = numbered.format(f"generate_series(0, {TEXTS - 1})")
        answer = "'Answer ' || g || E'.\\n\\n' || body.text"
        self.cursor.execute(
            f"CREATE TEMP TABLE said AS SELECT g AS n, {answer} AS text, {digest.format(answer)} AS sha256 FROM {texts}"  # noqa: S608  ours
        )
        self.cursor.execute("CREATE INDEX ON said (n)")
        # the factor has no divisor in common with the number of texts: a prompt's responses differ
        spread = f"said ON said.n = g * 7919::bigint % {TEXTS}"
        self.copy(
            Response,
            like=self.response,
            rows=f"generate_series(0, {self.prompts * RESPONSES - 1}) g JOIN {spread}",
            id=f"{self.response} + 1 + g",
            prompt_id=f"{self.prompt} + 1 + g / {RESPONSES}",
            text="said.text",
            sha256="said.sha256",
        )
        done = {"version": f"'{RENDERER_VERSION}'", "state": "'done'", "text": "''", "rendered_at": "now()"}
        like = Rendering.objects.latest("pk").pk
        shown = "'<p>Answer ' || g || '.</p>' || body.html"
        self.copy(Rendering, like=like, rows=texts, sha256=digest.format(answer), html=shown, **done)
        asked = f"'<p>' || {said} || '</p>'"
        self.copy(Rendering, like=like, rows=prompts, sha256=digest.format(said), html=asked, **done)

    def make_history(self, rng: random.Random) -> None:
        """Who has judged what: `past` has a row for every comparison, by number, that somebody judged."""
        total = self.size // ONE_JUDGED_IN
        people = list(range(3, RATERS + 1))
        rng.shuffle(people)
        weights = [rng.random() ** 2 for _ in people]
        judged = [people[place] for place in sorted(rng.choices(range(len(people)), weights, k=total))]
        self.cursor.execute("CREATE TEMP TABLE past (g bigint, slot int, person bigint, PRIMARY KEY (g, slot))")
        self.cursor.execute(
            "INSERT INTO past SELECT place * %s, 3, %s + who FROM unnest(%s::int[]) WITH ORDINALITY run(who, place)",
            [ONE_JUDGED_IN, self.person, judged],
        )
        self.cursor.execute(
            "INSERT INTO past SELECT g, 1, %s FROM generate_series(1, %s) g", [self.person + 1, self.alone]
        )
        self.cursor.execute("ANALYZE past")
        count = f"(SELECT count(*) FROM past WHERE past.person = {self.person} + g)"  # noqa: S608  a number of ours
        like = Seat.objects.get(rater=self.ada).pk
        self.cursor.execute("CREATE INDEX ON past (person)")
        self.copy(Seat, like=like, rows=f"generate_series(1, {RATERS}) g", rater_id=f"{self.person} + g", judged=count)

    def make_comparisons(self) -> None:
        """Number g is of prompt g mod P: neighbours are of different prompts."""
        pairs = [(i, j) for i in range(RESPONSES) for j in range(i + 1, RESPONSES)]
        self.cursor.execute("CREATE TEMP TABLE pair (k int PRIMARY KEY, i int, j int)")
        for k, (i, j) in enumerate(pairs):
            self.cursor.execute("INSERT INTO pair VALUES (%s, %s, %s)", [k, i, j])
        prompt = f"(g.g - 1) % {self.prompts}"
        first = f"{self.response} + 1 + ({prompt}) * {RESPONSES}"
        self.copy(
            Comparison,
            like=self.comparison.pk,
            rows=f"generate_series(1, {self.size}) g JOIN pair ON pair.k = (g.g - 1) / {self.prompts}"
            " LEFT JOIN past ON past.g = g.g AND past.slot = 3",
            id=f"{self.first} + g.g",
            prompt_id=f"{self.prompt} + 1 + {prompt}",
            response_a_id=f"{first} + pair.i",
            response_b_id=f"{first} + pair.j",
            filled=f"(g.g <= {self.alone})::int + (past.person IS NOT NULL)::int",
        )
        for number in range(1, OVERLAP + 1):
            self.copy(
                Slot,
                like=self.comparison.slots.get(number=number).pk,
                rows=f"generate_series(1, {self.size}) g LEFT JOIN past ON past.g = g.g AND past.slot = {number}",
                comparison_id=f"{self.first} + g.g",
                swapped=f"(g.g + {number}) % 2 = 0",
                rater_id="past.person",
                filled_at=f"CASE WHEN past.person IS NULL THEN NULL ELSE {EARLIER.replace('g *', 'g.g *')} END",
            )

    def make_judgments(self) -> None:
        """An assignment and a judgment for each slot that is filled."""
        at = "slot.filled_at"
        self.copy(
            Assignment,
            like=self.judgment.assignment_id or 0,
            rows=f"(SELECT * FROM annotation_slot WHERE filled_at IS NOT NULL AND comparison_id > {self.first}) slot",  # noqa: S608  ours
            comparison_id="slot.comparison_id",
            slot_id="slot.id",
            rater_id="slot.rater_id",
            swapped="slot.swapped",
            leased_at=f"{at} - interval '1 minute'",
            expires_at=f"{at} + interval '9 minutes'",
            ended_at=at,
        )
        self.copy(
            Judgment,
            like=self.judgment.pk,
            rows=f"(SELECT * FROM annotation_assignment WHERE comparison_id > {self.first}) lent",  # noqa: S608  ours
            assignment_id="lent.id",
            comparison_id="lent.comparison_id",
            rater_id="lent.rater_id",
            swapped="lent.swapped",
            seconds="20 + random() * 60",
            key="gen_random_uuid()",
            created_at="lent.ended_at",
        )

    def make_bookmarks(self) -> None:
        """Each rater's place in the queue is behind what they judged last; `new` has none yet."""
        places = {field.column for field in Batch._meta.concrete_fields} & {"places"}
        for column in places:
            self.cursor.execute(f"UPDATE annotation_batch SET {column} = %s", [(self.size + 2) * OVERLAP])  # noqa: S608  ours
        bookmark = apps.all_models["annotation"].get("bookmark")
        if bookmark is None:  # lending that keeps no place
            return
        passed = "SELECT person, max(g) AS g, count(*) AS lent FROM past GROUP BY person"
        self.copy(
            bookmark,
            like=bookmark._default_manager.get(seat__rater=self.ada).pk,
            rows=f"(SELECT seat.id AS seat, passed.* FROM annotation_seat seat"  # noqa: S608  all of it is ours
            f" JOIN ({passed}) passed ON passed.person = seat.rater_id) mine",
            seat_id="mine.seat",
            after=f"{self.first} + mine.g",
            lent="mine.lent",
        )

    def number_on(self) -> None:
        """The next row that anybody adds gets the next number."""
        for model in (User, Prompt, Response, Comparison):
            table = model._meta.db_table
            self.cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"  # noqa: S608  ours
            )


def sign_in() -> dict[str, Any]:
    """A session for every rater, as a login makes it; `lone` and `new` first."""
    people = list(User.objects.filter(email__endswith="@bench.example.org").order_by("pk"))
    store, now = SessionStore(), timezone.now()
    clock = {"began_at": int(now.timestamp()), "touched_at": int(now.timestamp())}
    sessions = [
        Session(
            session_key=get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789"),
            session_data=store.encode(
                {
                    SESSION_KEY: str(person.pk),
                    BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
                    HASH_SESSION_KEY: person.get_session_auth_hash(),
                    **clock,
                }
            ),
            expire_date=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        )
        for person in people
    ]
    Session.objects.bulk_create(sessions)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_session")
    return {"slug": "bench", "sessions": [session.session_key for session in sessions]}


def main(words: list[str]) -> int:
    """``make N`` or ``sign-in``."""
    if words[0] == "make":
        build(int(words[1]), rng=random.Random(1))
    else:
        sys.stdout.write(json.dumps(sign_in()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
