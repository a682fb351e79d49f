"""Texts are rendered once, by a worker that no text can hold up, and pages only look them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from annotation import actions, queries
from annotation.models import Rendering
from annotation.rendering import RENDERER_VERSION, digest, plain_html
from annotation.rendering.apart import Apart
from raters.models import Project
from tests import make

Pinned = Callable[..., Any]
BOMB = "![[" * 20_000


def looked_up(text: str) -> str:
    """What a page would show."""
    return str(queries.html_of([text])[text])


def render_all() -> int:
    """Ring the bell until all is done."""
    return sum(iter(lambda: actions.render_due(now=make.now()), 0))


def test_a_response_is_plain_until_the_worker_came_by(project: Project) -> None:
    make.responses(make.prompt(project), "**bold** <b>", "other")
    assert looked_up("**bold** <b>") == plain_html("**bold** <b>")
    assert render_all() == 3
    assert looked_up("**bold** <b>") == '<p dir="auto"><strong>bold</strong> &lt;b&gt;</p>\n'


def test_every_turn_of_a_prompt_is_rendered(project: Project) -> None:
    turns = [("system", "*be kind*"), ("user", "*hi*"), ("assistant", "*ho*"), ("user", "*why*")]
    new = actions.NewPrompt(messages=[{"role": role, "content": content} for role, content in turns])
    actions.add_prompts(project, conversations=[new])
    render_all()
    for _, content in turns:
        assert looked_up(content) == f'<p dir="auto"><em>{content.strip("*")}</em></p>\n'


def test_imported_prompts_are_rendered(project: Project) -> None:
    lines = [b'{"prompt": "*one*"}', b'{"prompt": "*two*"}']
    actions.import_prompts(project, lines=lines, source="", now=make.now())
    written = [b'{"prompt": "*three*", "completion": "It is."}']
    actions.import_demonstrations(project, lines=written, source="", now=make.now())
    assert render_all() == 3


def test_the_same_text_is_rendered_once(project: Project) -> None:
    prompt = make.prompt(project, "Say yes.")
    make.responses(prompt, "Yes.", "Say yes.")
    make.responses(make.prompt(project, "Say yes."), "Yes.", "No.", model_digest="1" * 64)
    assert sorted(Rendering.objects.values_list("text", flat=True)) == ["No.", "Say yes.", "Yes."]
    render_all()
    make.responses(prompt, "Yes.", model_digest="2" * 64)
    assert render_all() == 0


def test_what_is_done_keeps_no_text(project: Project) -> None:
    make.responses(make.prompt(project), "a", BOMB[:600])
    render_all()
    assert set(Rendering.objects.values_list("text", flat=True)) == {""}


def test_postgresql_makes_the_same_digest_as_we_do(project: Project) -> None:
    text = 'Zoë 👩\u200d💻 \\ " \u202e \x1b ᚠ'
    make.prompt(project, text)
    assert Rendering.objects.get().sha256 == digest(text)


def test_a_bomb_is_ended_and_its_neighbours_are_rendered(project: Project) -> None:
    make.responses(make.prompt(project, "*first*"), BOMB, "*last*")
    with Apart(seconds=0.3) as apart:
        assert actions.render_due(now=make.now(), apart=apart) == 3
    bomb = Rendering.objects.get(sha256=digest(BOMB))
    assert (bomb.state, bomb.reason) == (Rendering.State.PLAIN, "took too long")
    assert looked_up(BOMB) == plain_html(BOMB)
    assert looked_up("*first*") == '<p dir="auto"><em>first</em></p>\n'
    assert looked_up("*last*") == '<p dir="auto"><em>last</em></p>\n'


def test_a_text_that_needs_too_much_memory_is_shown_as_it_is() -> None:
    with Apart(memory=1) as apart:
        assert apart.render("**x** " * 5000).reason == "needed too much"


def test_a_text_that_is_refused_says_why(project: Project) -> None:
    make.prompt(project, "> " * 50 + "deep")
    render_all()
    rendering = Rendering.objects.get()
    assert (rendering.state, rendering.reason, rendering.html) == ("plain", "nested too deep", "")


def test_the_newest_text_comes_first(project: Project) -> None:
    """In a live conversation somebody waits for it, whatever was imported before."""
    for question in ("old", "older still", "new"):
        make.prompt(project, question)
    actions.render_due(now=make.now(), limit=1)
    assert Rendering.objects.get(state="done").sha256 == digest("new")


def test_patience_leaves_the_rest_for_another_time(project: Project) -> None:
    for _ in range(3):
        make.prompt(project)
    assert actions.render_due(now=make.now(), patience=0) == 1
    assert Rendering.objects.filter(state="due").count() == 2


def test_all_texts_of_a_card_are_one_statement(project: Project, django_assert_num_queries: Pinned) -> None:
    texts = [f"*{number}*" for number in range(20)]
    make.responses(make.prompt(project), *texts[:10])
    render_all()
    with django_assert_num_queries(1):
        found = queries.html_of(texts)
    assert [found[text].startswith("<p") for text in texts] == [True] * 10 + [False] * 10
    with django_assert_num_queries(0):
        assert queries.html_of([]) == {}


def test_storing_costs_one_statement_more_however_many_texts(
    project: Project, django_assert_max_num_queries: Pinned
) -> None:
    prompt = make.prompt(project)
    with django_assert_max_num_queries(7):
        make.responses(prompt, *(f"answer {number}" for number in range(500)))


def test_a_new_renderer_is_given_every_text_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    make.responses(make.prompt(project, "*q*"), "*a*", "*b*")
    render_all()
    make.prompt(project, "never rendered")
    for module in ("annotation.actions.rendering", "annotation.queries.rendering"):
        monkeypatch.setattr(f"{module}.RENDERER_VERSION", "next")
    assert looked_up("*a*") == plain_html("*a*")  # what the old one made may be why there is a new one
    call_command("rerender", only_new=True, verbosity=0)
    assert Rendering.objects.filter(version="next", state="due").count() == 4
    assert not Rendering.objects.exclude(version="next").filter(state="due").exists()
    assert render_all() == 4
    assert looked_up("*a*").startswith("<p")


def test_the_earlier_renderings_can_be_forgotten(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    make.prompt(project, "*q*")
    render_all()
    Rendering.objects.update(version="1")
    call_command("rerender", forget=True)
    assert list(Rendering.objects.values_list("version", "state")) == [("2", "due")]
    assert "1 texts wait" in capsys.readouterr().out
    call_command("rerender", only_new=True)
    assert capsys.readouterr().out == ""


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_texts() -> None:
    """Without skip_locked the second waits for the first, and would find nothing left to do."""
    project = make.project()
    for _ in range(4):
        make.prompt(project)
    with transaction.atomic():
        mine = Rendering.objects.select_for_update().filter(state="due").order_by("-pk")[:2]
        held = {rendering.pk for rendering in mine}
        done: list[int] = []
        other = threading.Thread(target=lambda: _render_elsewhere(done))
        other.start()
        other.join(20)
        assert done == [2]
    assert not Rendering.objects.filter(pk__in=held, state="done").exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_store_the_same_texts_wait_for_each_other_and_not_for_ever() -> None:
    """Without the order of digests in ENQUEUE the two meet head on, and PostgreSQL ends one of them.

    A third holds the text in the middle until both wait: one comes from the left, the other from the right.
    """
    prompts = [make.prompt(make.project()), make.prompt(make.project())]
    failures: list[BaseException] = []

    def store(number: int) -> None:
        try:
            make.responses(prompts[number], *["left", "middle", "right"][:: 1 if number else -1])
        except DatabaseError as failure:
            failures.append(failure)
        finally:
            connection.close()

    workers = [threading.Thread(target=store, args=(number,)) for number in range(2)]
    with transaction.atomic():
        Rendering.objects.create(sha256=digest("middle"), version=RENDERER_VERSION, text="middle")
        for worker in workers:
            worker.start()
        _wait_for_waiting(2)
        transaction.set_rollback(True)
    for worker in workers:
        worker.join(20)
    assert failures == []
    assert Rendering.objects.filter(text__in=["left", "middle", "right"]).count() == 3


@pytest.mark.django_db(transaction=True)
def test_storing_a_text_rings_the_bell() -> None:
    with connection.cursor() as cursor:
        cursor.execute("LISTEN tare")
    make.prompt(make.project())
    raw = connection.connection
    raw.poll()
    assert "annotation_rendering" in {notice.payload for notice in raw.notifies}


def _render_elsewhere(done: list[int]) -> None:
    try:
        done.append(actions.render_due(now=make.now()))
    finally:
        connection.close()


def _wait_for_waiting(count: int) -> None:
    """Until so many others wait for a lock."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0] >= count:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits")
