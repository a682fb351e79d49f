"""Coming in by invitation, and where the day starts."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from raters import actions, queries
from raters.models import Project, Role, User
from tests import make


@pytest.fixture
def secret(project: Project, olga: User) -> str:
    """An open invitation for a new rater."""
    return actions.invite(project, email="new@example.org", role=Role.RATER, by=olga, now=timezone.now())[1]


class TestInvitation:
    def test_shows_who_invites_to_what(self, client: Client, secret: str) -> None:
        answer = client.get(f"/invitations/{secret}/")

        assert answer.status_code == 200
        assert "Helpfulness" in answer.content.decode()

    def test_is_not_accepted_by_looking_at_it(self, client: Client, secret: str) -> None:
        client.get(f"/invitations/{secret}/")

        assert queries.invitation_by(secret).accepted_at is None  # type: ignore[union-attr]

    def test_lets_the_person_in(self, client: Client, secret: str) -> None:
        answer = client.post(f"/invitations/{secret}/", {"name": "New", "password": make.PASSWORD})

        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        assert client.session["_auth_user_id"] == str(User.objects.get(email="new@example.org").pk)

    def test_says_what_is_wrong_with_a_password(self, client: Client, secret: str) -> None:
        answer = client.post(f"/invitations/{secret}/", {"name": "New", "password": "new@example.org"})

        assert answer.status_code == 422
        assert "too similar" in answer.content.decode()

    def test_does_not_exist_under_another_secret(self, client: Client, db: None) -> None:
        assert client.get("/invitations/guess/").status_code == 404

    def test_refuses_other_methods(self, client: Client, secret: str) -> None:
        assert client.delete(f"/invitations/{secret}/").status_code == 405

    def test_says_when_it_is_used_up(self, client: Client, secret: str) -> None:
        client.post(f"/invitations/{secret}/", {"name": "New", "password": make.PASSWORD})

        assert Client().get(f"/invitations/{secret}/").status_code == 410


class TestFront:
    @pytest.mark.parametrize(
        ("who", "where"),
        [
            ("ada", "/p/helpfulness/"),
            ("cleo", "/p/helpfulness/quality/"),
            ("emil", "/p/helpfulness/training/"),
            ("olga", "/p/helpfulness/training/"),
        ],
    )
    def test_sends_each_to_where_their_day_starts(
        self, client: Client, request: pytest.FixtureRequest, who: str, where: str
    ) -> None:
        client.force_login(request.getfixturevalue(who))

        assert client.get("/").headers["Location"] == where

    def test_asks_strangers_to_sign_in(self, client: Client, db: None) -> None:
        assert client.get("/").headers["Location"].startswith("/accounts/login/")

    def test_tells_a_person_without_a_project_what_to_do(self, client: Client, db: None) -> None:
        client.force_login(make.user("nobody"))

        assert "invitation" in client.get("/").content.decode()


class TestEmailAddress:
    def test_a_new_one_waits_and_can_be_given_up(self, client: Client, ada: User) -> None:
        EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
        client.force_login(ada)
        client.post("/accounts/reauthenticate/", {"password": make.PASSWORD})
        client.post("/accounts/email/", {"action_add": "", "email": "new@example.org"})
        page = client.get("/accounts/email/").content.decode()
        assert "Waits until it is confirmed" in page and "new@example.org" in page
        client.post("/accounts/email/", {"action_remove": "", "email": "new@example.org"})
        assert "Waits until" not in client.get("/accounts/email/").content.decode()
        ada.refresh_from_db()
        assert ada.email == "ada@example.org"

    def test_that_is_none_is_refused_beside_the_field(self, client: Client, ada: User) -> None:
        client.force_login(ada)
        client.post("/accounts/reauthenticate/", {"password": make.PASSWORD})
        page = client.post("/accounts/email/", {"action_add": "", "email": "nobody"}).content.decode()
        assert "id_email_error" in page
