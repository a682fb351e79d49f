"""How people want their pages, their keys, and their word on distressing content."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from raters import shortcuts
from raters.models import AuditEntry, Preferences, Project, Standing, User
from raters.money import duration, money, plain
from tests import make

SETTINGS = {"text_size": "medium", "typeface": "sans", "theme": "system", "single_keys": "on", "ahead": "3"}


class TestKeys:
    def test_no_two_actions_share_a_usual_key(self) -> None:
        keys = [shortcut.key for shortcut in shortcuts.SHORTCUTS]

        assert len(set(keys)) == len(keys)
        assert not set(keys) & shortcuts.RESERVED

    def test_only_the_unusual_ones_are_kept(self) -> None:
        assert shortcuts.unusual({"undo": "Z", "skip": "s", "rule": ""}) == {"undo": "z"}

    def test_two_actions_may_swap_their_keys(self) -> None:
        assert shortcuts.unusual({"undo": "s", "skip": "u"}) == {"undo": "s", "skip": "u"}

    @pytest.mark.parametrize(
        ("key", "said"),
        [("s", "already"), ("4", "a step of the scale"), ("ab", "one character"), ("\u200b", "one character")],
    )
    def test_a_key_that_cannot_be_is_refused_beside_its_action(self, key: str, said: str) -> None:
        with pytest.raises(shortcuts.BadKeys) as refusal:
            shortcuts.unusual({"undo": key})

        assert said in " ".join(refusal.value.by_action.values())

    def test_an_action_that_is_gone_is_forgotten(self) -> None:
        assert "dance" not in shortcuts.keys_of({"dance": "z"})


class TestMoney:
    @pytest.mark.parametrize(
        ("minor", "currency", "words"),
        [
            (2480, "EUR", "€24.80"),
            (123456, "USD", "$1,234.56"),
            (500, "JPY", "¥500"),
            (1234, "KWD", "1.234 KWD"),
            (-5, "GBP", "−£0.05"),
        ],
    )
    def test_is_said_in_its_currency(self, minor: int, currency: str, words: str) -> None:
        assert money(minor, currency) == words

    def test_is_a_plain_number_for_programs(self) -> None:
        assert [plain(2480, "EUR"), plain(-5, "EUR"), plain(7, "JPY")] == ["24.80", "-0.05", "7"]

    def test_time_is_said_in_hours_and_minutes(self) -> None:
        assert [duration(2760), duration(112_800)] == ["46 min", "31 h 20"]


class TestSettings:
    def test_are_kept_and_follow_the_person_to_every_page(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)

        answer = client.post("/settings/", {**SETTINGS, "theme": "dark", "text_size": "large", "typeface": "serif"})
        elsewhere = Client()
        elsewhere.force_login(ada)
        html = elsewhere.get("/p/helpfulness/").content.decode()

        assert answer.headers["Location"] == "/settings/"
        assert 'data-theme="dark" data-text="large" data-face="serif"' in html

    def test_are_the_usual_ones_for_a_person_who_chose_nothing(self, client: Client, ada: User) -> None:
        client.force_login(ada)

        html = client.get("/settings/").content.decode()

        assert "data-theme" not in html
        assert not Preferences.objects.exists()

    def test_keep_only_the_unusual_keys(self, client: Client, ada: User) -> None:
        client.force_login(ada)

        client.post("/settings/", {**SETTINGS, "key-undo": "z", "key-skip": "s"})

        assert Preferences.objects.get(user=ada).keys == {"undo": "z"}

    def test_single_keys_can_be_switched_off(self, client: Client, ada: User) -> None:
        client.force_login(ada)

        client.post("/settings/", {name: value for name, value in SETTINGS.items() if name != "single_keys"})

        assert not Preferences.objects.get(user=ada).single_keys

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"text_size": "huge"}, "Select a valid choice"),
            ({"theme": ""}, "This field is required"),
            ({"ahead": "11"}, "from 3 to 10"),
            ({"ahead": "many"}, "from 3 to 10"),
            ({"key-undo": "s"}, "already"),
            ({"key-undo": "3"}, "chooses a step"),
        ],
    )
    def test_say_what_is_wrong_and_keep_nothing(
        self, client: Client, ada: User, wrong: dict[str, str], said: str
    ) -> None:
        client.force_login(ada)

        answer = client.post("/settings/", {**SETTINGS, **wrong})

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not Preferences.objects.exists()

    def test_ask_strangers_to_sign_in(self, client: Client, db: None) -> None:
        assert client.get("/settings/").headers["Location"].startswith("/accounts/login/")

    def test_refuse_other_methods(self, client: Client, ada: User) -> None:
        client.force_login(ada)

        assert client.put("/settings/").status_code == 405

    def test_cost_one_row_on_a_page(
        self, client: Client, project: Project, ada: User, django_assert_max_num_queries: Any
    ) -> None:
        client.force_login(ada)
        client.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(4):
            client.get("/settings/")


class TestDistressingContent:
    def test_is_agreed_to_with_a_date_and_in_the_log(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)

        client.post("/p/helpfulness/sensitive/", {"answer": "yes", "understood": "on"})

        assert Standing.objects.get(user=ada).sensitive_since is not None
        assert AuditEntry.objects.filter(actor=ada, action="sensitive.agreed", project=project).count() == 1

    def test_agreeing_twice_keeps_the_first_date(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)
        client.post("/p/helpfulness/sensitive/", {"answer": "yes", "understood": "on"})
        first = Standing.objects.get(user=ada).sensitive_since

        client.post("/p/helpfulness/sensitive/", {"answer": "yes", "understood": "on"})

        assert Standing.objects.get(user=ada).sensitive_since == first
        assert AuditEntry.objects.filter(action="sensitive.agreed").count() == 1

    def test_is_declined_at_any_time_without_a_word(self, client: Client, project: Project, ada: User) -> None:
        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)
        client.force_login(ada)

        client.post("/p/helpfulness/sensitive/", {"answer": "no"})

        assert Standing.objects.get(user=ada).sensitive_since is None
        assert AuditEntry.objects.filter(actor=ada, action="sensitive.declined").exists()

    @pytest.mark.parametrize(("sent", "said"), [({"answer": "yes"}, "Tick the box"), ({}, "Say yes or no")])
    def test_is_never_agreed_to_by_accident(
        self, client: Client, project: Project, ada: User, sent: dict[str, str], said: str
    ) -> None:
        client.force_login(ada)

        answer = client.post("/p/helpfulness/sensitive/", sent)

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert Standing.objects.get(user=ada).sensitive_since is None

    def test_is_one_projects_matter(self, client: Client, project: Project, ada: User) -> None:
        make.user("cy", "rater", project=make.project("Other"))
        client.force_login(ada)

        client.post("/p/helpfulness/sensitive/", {"answer": "yes", "understood": "on"})

        assert Standing.objects.exclude(sensitive_since=None).count() == 1

    @pytest.mark.parametrize("who", ["cleo", "mallory"])
    def test_does_not_exist_for_others(
        self, client: Client, project: Project, request: pytest.FixtureRequest, who: str
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert client.post("/p/helpfulness/sensitive/", {"answer": "no"}).status_code == 404

    def test_refuses_other_methods(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)

        assert client.delete("/p/helpfulness/sensitive/").status_code == 405
