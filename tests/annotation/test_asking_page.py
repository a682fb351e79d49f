"""The lead's page of questions: filled in with what is asked, refused in words, never over a colleague's head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from annotation.actions import change_asking
from annotation.forms import AskingForm
from annotation.kinds import FLAGS, Asks, Quality
from annotation.queries import asks_of, preview_of, questions_of
from raters.models import AuditEntry, Project, User
from tests import make

PATH = "/p/helpfulness/questions/"
PREVIEW = f"{PATH}preview/"
SHORT = Asks(steps=3, qualities=(Quality("kind", "Kind"),), flags=("unsafe",), rationale_one_in=0)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def desk(client: Client, cleo: User) -> Client:
    """Cleo's browser."""
    client.force_login(cleo)
    return client


def filled(project: Project, **changes: Any) -> dict[str, Any]:
    """What a browser sends of the form as the page has it, but for the changes; None is a box that is not ticked."""
    form = AskingForm.of(questions_of(project))
    sent = {name: form[name].value() for name in form.fields} | changes
    return {name: "on" if value is True else value for name, value in sent.items() if value not in (None, False)}


def save(desk: Client, project: Project, **changes: Any) -> Any:
    return desk.post(PATH, filled(project, **changes))


def choose(project: Project, asks: Asks, by: User) -> None:
    change_asking(project, asks=asks, seen=questions_of(project).version, by=by, now=make.now())


class TestReading:
    def test_the_page_is_filled_in_with_what_is_asked(self, desk: Client, project: Project, cleo: User) -> None:
        choose(project, replace(SHORT, rule_required=True, show_words=False), cleo)
        answer = desk.get(PATH)
        form = answer.context["form"]
        assert answer.status_code == 200
        assert (form["steps"].value(), form["label-0"].value(), form["reason"].value()) == (3, "Kind", "never")
        assert (form["rule_required"].value(), form["show_words"].value()) == (True, False)
        assert "Chosen by Cleo on 23 November 2026" in answer.content.decode()

    def test_it_says_that_open_batches_keep_their_questions(self, desk: Client, project: Project) -> None:
        assert "No batch is open." in desk.get(PATH).content.decode()
        make.batch(project)
        assert "1 open batch keeps what it was opened with." in desk.get(PATH).content.decode()
        make.batch(project)
        assert "2 open batches keep what they were opened with." in desk.get(PATH).content.decode()

    def test_an_owner_finds_it_too(self, client: Client, olga: User) -> None:
        client.force_login(olga)
        assert client.get(PATH).status_code == 200

    def test_nobody_else_does(self, client: Client, project: Project, ada: User, rhea: User, emil: User) -> None:
        mallory = make.user("eve", "lead", "owner", project=make.project("Elsewhere"))
        for stranger in (ada, rhea, emil, mallory):
            client.force_login(stranger)
            codes = [client.get(PATH).status_code, client.post(PATH, filled(project, steps="3")).status_code]
            assert [*codes, client.post(PREVIEW, filled(project)).status_code] == [404, 404, 404]
        assert asks_of(project) == Asks()

    def test_who_is_not_signed_in_is_sent_to_sign_in(self, client: Client, project: Project) -> None:
        assert client.get(PATH).headers["Location"].startswith("/accounts/login/")

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_other_methods_are_refused(self, desk: Client, method: str) -> None:
        assert getattr(desk, method)(PATH).status_code == 405
        assert desk.get(PREVIEW).status_code == 405

    def test_batches_and_qualities_cost_no_more_statements(
        self, desk: Client, project: Project, cleo: User, django_assert_max_num_queries: Any
    ) -> None:
        choose(project, Asks(qualities=tuple(Quality(f"q{n}", f"Q{n}") for n in range(6))), cleo)
        for _ in range(5):
            make.batch(project)
        desk.get(PATH)  # the first one also writes down that the session is in use
        with django_assert_max_num_queries(5):
            desk.get(PATH)


class TestSaving:
    def test_what_was_chosen_is_asked_from_then_on(self, desk: Client, project: Project, cleo: User) -> None:
        answer = save(
            desk,
            project,
            steps="5",
            qualities_required=True,
            rule_required=True,
            reason="some",
            one_in="7",
            rationale_required=True,
            flags=["broken", "unsafe"],
            show_words=None,
            read_to_end=True,
        )
        assert (answer.status_code, answer.headers["Location"]) == (302, PATH)
        assert asks_of(project) == Asks(
            steps=5,
            qualities_required=True,
            rule_required=True,
            rationale_one_in=7,
            rationale_required=True,
            flags=("unsafe", "broken"),
            show_words=False,
            read_to_end=True,
        )
        assert AuditEntry.objects.get(action="questions.changed").actor == cleo

    def test_saving_the_page_as_it_is_changes_nothing(self, desk: Client, project: Project) -> None:
        assert save(desk, project).status_code == 302
        assert asks_of(project) == Asks()
        assert not AuditEntry.objects.filter(action="questions.changed").exists()

    @pytest.mark.parametrize(("reason", "one_in"), [("never", 0), ("always", 1), ("some", 9)])
    def test_a_reason_is_asked_as_often_as_was_chosen(
        self, desk: Client, project: Project, reason: str, one_in: int
    ) -> None:
        save(desk, project, reason=reason, one_in="9")
        assert asks_of(project).rationale_one_in == one_in

    def test_a_new_quality_is_named_by_its_label(self, desk: Client, project: Project) -> None:
        save(desk, project, **{"label-4": "Well sourced", "hint-4": "Does it say where from?"})
        assert asks_of(project).qualities[4] == Quality("well_sourced", "Well sourced", "Does it say where from?")

    def test_a_quality_keeps_its_name_when_its_label_changes(self, desk: Client, project: Project) -> None:
        save(desk, project, **{"label-2": "Concise", "label-4": "Clear"})
        names = [(quality.name, quality.label) for quality in asks_of(project).qualities]
        assert names[2:] == [("clear", "Concise"), ("safe", "Safe"), ("clear_2", "Clear")]

    def test_a_quality_without_a_label_is_not_asked(self, desk: Client, project: Project) -> None:
        save(desk, project, **{"label-0": "  ", "label-3": ""})
        assert [quality.name for quality in asks_of(project).qualities] == ["as_asked", "clear"]

    def test_nothing_but_the_scale_may_be_asked(self, desk: Client, project: Project) -> None:
        save(desk, project, flags=[], reason="never", **{f"label-{n}": "" for n in range(6)})
        assert (asks_of(project).qualities, asks_of(project).flags) == ((), ())


class TestRefusing:
    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"steps": "4"}, "steps", "Choose 3, 5 or 7 steps."),
            ({"steps": None}, "steps", "Choose a scale."),
            ({"reason": "often"}, "reason", "Choose never, on some items, or on every item."),
            ({"reason": "some", "one_in": ""}, "one_in", "Say on 1 item in how many, from 2 to 1000."),
            ({"reason": "some", "one_in": "1"}, "one_in", "Use a whole number from 2 to 1000."),
            ({"reason": "some", "one_in": "1001"}, "one_in", "Use a whole number from 2 to 1000."),
            ({"reason": "some", "one_in": "x"}, "one_in", "Use a whole number from 2 to 1000."),
            (
                {"reason": "never", "rationale_required": "on"},
                "rationale_required",
                "A reason that is never asked cannot be required.",
            ),
            ({"flags": ["rude"]}, "flags", "Choose among the flags shown."),
            ({"label-1": "x" * 41}, "label-1", "Use at most 40 characters."),
            ({"hint-1": "x" * 201}, "hint-1", "Use at most 200 characters."),
            ({"label-5": "safe"}, "label-5", "Two qualities have the same label."),
            ({"name-5": "safe", "label-5": "Safer"}, "label-5", "Two qualities have the same name."),
            (
                {"label-1": "", "label-4": "A\x85B"},
                "label-4",
                "A quality needs a label of 1 to 40 characters on one line.",
            ),
        ],
    )
    def test_what_cannot_be_asked_is_said_beside_its_field(
        self, desk: Client, project: Project, changes: dict[str, Any], field: str, words: str
    ) -> None:
        answer = save(desk, project, **changes)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert answer.context["form"].errors == {field: [words]}
        assert f'id="id_{field}_error"' in html
        assert f'<a href="#id_{field}">' in html
        assert asks_of(project) == Asks()

    def test_what_was_typed_is_still_there(self, desk: Client, project: Project) -> None:
        html = save(desk, project, steps="4", **{"label-4": "<b>Brave"}).content.decode()
        assert 'value="&lt;b&gt;Brave"' in html
        assert "<b>Brave" not in html

    def test_nul_and_nothing_at_all_are_refused(self, desk: Client, project: Project) -> None:
        assert save(desk, project, **{"label-0": "a\x00"}).status_code == 422
        assert desk.post(PATH, {}).status_code == 422
        assert asks_of(project) == Asks()

    def test_a_form_without_the_token_is_refused(self, project: Project, cleo: User) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(cleo)
        assert strict.post(PATH, filled(project, steps="3")).status_code == 403


class TestTwoLeads:
    def test_a_colleagues_questions_are_shown_beside_mine(self, desk: Client, project: Project, olga: User) -> None:
        mine = filled(project, steps="5")
        choose(project, SHORT, olga)
        answer = desk.post(PATH, mine)
        html = answer.content.decode()
        assert answer.status_code == 409
        assert "Olga saved other questions meanwhile" in html
        assert (answer.context["conflict"], answer.context["form"]["steps"].value()) == (preview_of(SHORT), "5")
        assert asks_of(project) == SHORT

    def test_mine_take_their_place_when_i_have_seen_theirs(self, desk: Client, project: Project, olga: User) -> None:
        mine = filled(project, steps="5")
        choose(project, SHORT, olga)
        version = desk.post(PATH, mine).context["version"]
        assert desk.post(PATH, mine | {"version": version}).status_code == 302
        assert asks_of(project).steps == 5

    def test_an_error_does_not_make_old_questions_new(self, desk: Client, project: Project, olga: User) -> None:
        mine = filled(project, steps="4")
        choose(project, SHORT, olga)
        version = desk.post(PATH, mine).context["version"]
        assert desk.post(PATH, mine | {"steps": "5", "version": version}).status_code == 409
        assert asks_of(project) == SHORT


class TestPreview:
    def test_shows_what_is_in_the_form_and_saves_nothing(self, desk: Client, project: Project) -> None:
        changes = {"steps": "3", "label-4": "<i>Funny", "qualities_required": "on", "reason": "always"}
        answer = desk.post(PREVIEW, filled(project, **changes), headers=HTMX)
        html = answer.content.decode()
        assert (answer.status_code, answer.templates[0].name) == (200, "annotation/_asking_preview.html")
        assert html.count("<kbd>") == 3
        assert "&lt;i&gt;Funny" in html
        assert "not saved" in html
        assert "Asked on every item." in html
        assert asks_of(project) == Asks()

    def test_without_script_it_is_the_whole_page(self, desk: Client, project: Project) -> None:
        answer = desk.post(PREVIEW, filled(project, steps="3"))
        html = answer.content.decode()
        assert answer.status_code == 200
        assert 'id="asking-form"' in html
        assert html.count("<kbd>") == 3
        assert asks_of(project) == Asks()

    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_says_what_is_wrong_with_the_same_fragment(
        self, desk: Client, project: Project, headers: dict[str, str]
    ) -> None:
        answer = desk.post(PREVIEW, filled(project, steps="4"), headers=headers)
        assert answer.status_code == 422
        assert 'id="asking-preview"' in answer.content.decode()
        assert "Choose 3, 5 or 7 steps." in answer.content.decode()

    def test_then_saving_is_against_the_questions_that_were_read(
        self, desk: Client, project: Project, olga: User
    ) -> None:
        mine = filled(project, steps="5")
        choose(project, SHORT, olga)
        version = desk.post(PREVIEW, mine).context["version"]
        assert desk.post(PATH, mine | {"version": version}).status_code == 409


def test_a_preview_says_every_choice_in_words() -> None:
    asks = Asks(rule_required=True, rationale_one_in=3, rationale_required=True, show_words=False, read_to_end=True)
    preview = preview_of(asks)
    assert preview.reason == "Asked on 1 item in 3, and required there."
    assert preview.rule.startswith("Required")
    assert preview.flags == tuple(FLAGS.values())
    assert preview.reading == (
        "The number of words is hidden.",
        "Both must be read to the end before sending.",
    )
