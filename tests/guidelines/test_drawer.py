"""The guideline beside the work, the list of versions, and a word about an unclear rule."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guidelines import queries
from guidelines.models import Acknowledgement, GuidelineVersion, RuleReport
from raters.models import AuditEntry, Project, User
from tests import make
from tests.guidelines.test_changes import NEW

HOSTILE = make.TEXT + "\n### 2.2 <b>Bold</b>\n\n<script>alert(1)</script> [x](javascript:alert(1)) \u202egnp\n"


@pytest.fixture
def version(project: Project, ada: User) -> GuidelineVersion:
    """What ada confirmed."""
    return make.guideline(project).versions.get()


def _drawer(client: Client, version: GuidelineVersion, **headers: str) -> Any:
    return client.get(f"/p/helpfulness/guidelines/{version.pk}/drawer/", headers=headers)


class TestDrawer:
    def test_has_every_rule_under_its_chapter(self, client: Client, ada: User, version: GuidelineVersion) -> None:
        client.force_login(ada)

        html = _drawer(client, version).content.decode()

        assert html.count("data-rule=") == version.rules.count() == 2
        assert html.index("1 True") < html.index("Wrong claims decide") < html.index("2 Short") < html.index("Padding")
        assert "<p>A wrong claim outweighs style.</p>" in html

    def test_says_what_changed_and_when_it_was_confirmed(
        self, client: Client, project: Project, ada: User, version: GuidelineVersion
    ) -> None:
        newer = make.guideline_version(project, text=NEW, major=False)
        client.force_login(ada)
        before = _drawer(client, newer).content.decode()
        make.acknowledgement(ada, newer)
        Acknowledgement.objects.update(at=make.NOW)

        html = _drawer(client, newer).content.decode()

        assert "rule 1.1 was reworded, rule 1.2 is new." in html
        assert "You confirmed this on 23 Nov." in html
        assert "You confirmed" not in before

    def test_is_not_sent_again_while_nothing_changed(
        self, client: Client, ada: User, version: GuidelineVersion
    ) -> None:
        client.force_login(ada)
        first = _drawer(client, version)

        again = _drawer(client, version, **{"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b"")
        assert first.headers["Cache-Control"] == "private, no-cache"

    def test_is_sent_again_once_the_rater_confirmed_it(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project)
        client.force_login(ben)
        first = _drawer(client, version)
        make.acknowledgement(ben, version)

        assert _drawer(client, version, **{"If-None-Match": first.headers["ETag"]}).status_code == 200

    def test_is_rendered_once_in_a_process(
        self, client: Client, ada: User, version: GuidelineVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.force_login(ada)
        _drawer(client, version)
        monkeypatch.setattr(queries, "guideline_html", lambda text: pytest.fail("rendered again"))

        assert _drawer(client, version).status_code == 200

    def test_costs_the_same_however_many_rules_there_are(
        self, client: Client, project: Project, ada: User, django_assert_max_num_queries: Any
    ) -> None:
        long = make.TEXT + "".join(f"\n### 2.{n} Rule {n}\n\nText {n}.\n" for n in range(2, 90))
        version = make.guideline_version(project, name="Long", text=long)
        client.force_login(ada)
        client.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(8):
            _drawer(client, version)
        with django_assert_max_num_queries(6):
            _drawer(client, version)

    def test_shows_hostile_text_as_text(self, client: Client, project: Project, ada: User) -> None:
        version = make.guideline_version(project, name="Hostile", text=HOSTILE)
        client.force_login(ada)

        html = _drawer(client, version).content.decode()

        assert "<script>" not in html
        assert "<b>Bold" not in html
        assert 'href="javascript' not in html
        assert "\u202e" not in html

    def test_does_not_exist_for_another_project(self, client: Client, mallory: User, version: GuidelineVersion) -> None:
        client.force_login(mallory)

        assert _drawer(client, version).status_code == 404

    def test_asks_strangers_to_sign_in(self, client: Client, version: GuidelineVersion) -> None:
        assert _drawer(client, version).headers["Location"].startswith("/accounts/login/")

    def test_refuses_post(self, client: Client, ada: User, version: GuidelineVersion) -> None:
        client.force_login(ada)

        assert client.post(f"/p/helpfulness/guidelines/{version.pk}/drawer/").status_code == 405


class TestList:
    def test_shows_what_is_in_force_first(self, client: Client, project: Project, ada: User) -> None:
        make.guideline_version(project, text=NEW, major=False)
        client.force_login(ada)

        html = client.get("/p/helpfulness/guidelines/").content.decode()

        assert html.index("Helpfulness 1.1") < html.index("Helpfulness 1.0")
        assert "To confirm" in html and "Replaced" in html

    def test_never_shows_a_draft(self, client: Client, project: Project, ada: User, cleo: User) -> None:
        from guidelines import actions

        actions.draft_version(project, name="Secret plans", text=make.TEXT, by=cleo)
        client.force_login(ada)

        assert "Secret plans" not in client.get("/p/helpfulness/guidelines/").content.decode()

    def test_is_paged(self, client: Client, project: Project, ada: User, django_assert_max_num_queries: Any) -> None:
        for n in range(24):
            make.guideline_version(project, name=f"Line {n}")
        client.force_login(ada)
        client.get("/settings/")  # the first visit also writes the session's clock

        with django_assert_max_num_queries(8):
            html = client.get("/p/helpfulness/guidelines/").content.decode()

        assert html.count('class="item"') == 20
        assert client.get("/p/helpfulness/guidelines/?page=2").content.decode().count('class="item"') == 5

    def test_does_not_exist_for_others(self, client: Client, project: Project, mallory: User) -> None:
        client.force_login(mallory)

        assert client.get("/p/helpfulness/guidelines/").status_code == 404


class TestUnclear:
    def test_is_kept_with_the_rule_and_in_the_log(self, client: Client, ada: User, version: GuidelineVersion) -> None:
        rule = version.rules.all()[1]
        client.force_login(ada)

        answer = client.post(
            f"/p/helpfulness/guidelines/{version.pk}/unclear/", {"rule": str(rule.pk), "text": "What is padding?"}
        )

        assert answer.status_code == 302
        assert RuleReport.objects.get().rule == rule
        assert AuditEntry.objects.filter(actor=ada, action="guideline.reported").exists()
        assert "Thank you" in client.get(answer.headers["Location"]).content.decode()

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"text": ""}, "Say what is unclear"),
            ({"text": "x" * 1001}, "At most 1,000"),
            ({"text": "Hm", "rule": "0"}, "Choose a rule of this version"),
            ({"text": "Hm", "rule": "x"}, "Choose a rule of this version"),
        ],
    )
    def test_says_what_is_missing(
        self, client: Client, ada: User, version: GuidelineVersion, sent: dict[str, str], said: str
    ) -> None:
        client.force_login(ada)

        answer = client.post(f"/p/helpfulness/guidelines/{version.pk}/unclear/", sent)

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not RuleReport.objects.exists()

    def test_does_not_exist_for_others(self, client: Client, mallory: User, version: GuidelineVersion) -> None:
        client.force_login(mallory)

        address = f"/p/helpfulness/guidelines/{version.pk}/unclear/"
        assert client.post(address, {"text": "Hm"}).status_code == 404

    def test_refuses_other_methods(self, client: Client, ada: User, version: GuidelineVersion) -> None:
        client.force_login(ada)

        assert client.put(f"/p/helpfulness/guidelines/{version.pk}/unclear/").status_code == 405
