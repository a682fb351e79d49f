"""Reading a guideline version and saying so."""

from __future__ import annotations

from django.test import Client

from guidelines import queries
from guidelines.actions import Question
from raters.models import Project, User
from tests import make

ASKED = Question("Does padding count?", ("no", "yes"), answer=1, rule="2.1", explanation="Padding counts: see 2.1.")


class TestGuideline:
    def test_shows_the_rules(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project)
        client.force_login(ben)

        answer = client.get(f"/p/helpfulness/guidelines/{version.pk}/")

        assert "Wrong claims decide" in answer.content.decode()

    def test_does_not_exist_for_another_project(self, client: Client, project: Project, mallory: User) -> None:
        version = make.guideline_version(project)
        client.force_login(mallory)

        assert client.get(f"/p/helpfulness/guidelines/{version.pk}/").status_code == 404
        assert client.get(f"/p/elsewhere/guidelines/{version.pk}/").status_code == 404

    def test_refuses_other_methods(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project)
        client.force_login(ben)

        assert client.post(f"/p/helpfulness/guidelines/{version.pk}/").status_code == 405


class TestAcknowledge:
    def test_leads_home(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project)
        client.force_login(ben)

        answer = client.post(f"/p/helpfulness/guidelines/{version.pk}/acknowledge/")

        assert (answer.status_code, answer.headers["Location"]) == (302, "/p/helpfulness/")
        assert queries.has_acknowledged(ben, version)

    def test_says_what_to_read_again(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project, questions=[ASKED])
        client.force_login(ben)

        answer = client.post(
            f"/p/helpfulness/guidelines/{version.pk}/acknowledge/", {f"question-{version.questions.get().pk}": "0"}
        )

        assert answer.status_code == 422
        assert "Padding counts: see 2.1." in answer.content.decode()
        assert not queries.has_acknowledged(ben, version)

    def test_asks_strangers_to_sign_in(self, client: Client, project: Project) -> None:
        version = make.guideline_version(project)

        answer = client.post(f"/p/helpfulness/guidelines/{version.pk}/acknowledge/")

        assert answer.headers["Location"].startswith("/accounts/login/")

    def test_refuses_get(self, client: Client, project: Project, ben: User) -> None:
        version = make.guideline_version(project)
        client.force_login(ben)

        assert client.get(f"/p/helpfulness/guidelines/{version.pk}/acknowledge/").status_code == 405
