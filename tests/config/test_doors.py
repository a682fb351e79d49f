"""What every answer carries, which are compressed, how long a session lasts, and whether the site is well."""

import gzip
import re
import time
from typing import ClassVar

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from raters import actions as raters
from raters.models import Project, Role, User
from tests import make

pytestmark = pytest.mark.django_db


class TestHeaders:
    def test_forbid_inline_code_and_other_sites(self, client: Client) -> None:
        policy = client.get("/accounts/login/").headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert "nonce" not in policy
        assert "Content-Security-Policy-Report-Only" not in client.get("/accounts/login/").headers

    @pytest.mark.parametrize("path", ["/accounts/login/", "/healthz", "/nowhere", "/api/schema/"])
    def test_are_on_every_answer(self, client: Client, path: str) -> None:
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "Content-Security-Policy" in headers

    def test_are_the_same_policy_for_everyone_everywhere(
        self, project: Project, ada: User, cleo: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make.batch(project)
        stranger, rater, lead = Client(), Client(raise_request_exception=False), Client(enforce_csrf_checks=True)
        rater.force_login(ada)
        lead.force_login(cleo)
        _, secret = raters.invite(project, email="new@example.org", role=Role.RATER, by=cleo, now=timezone.now())
        answers = {
            200: stranger.get("/accounts/login/"),
            302: stranger.get("/p/helpfulness/rate/"),
            400: stranger.get("/", headers={"Host": "elsewhere.example"}),
            401: stranger.get("/api/v1/runs/"),
            403: lead.post("/accounts/logout/"),
            404: rater.get("/p/helpfulness/quality/"),
            405: rater.post("/p/helpfulness/"),
            422: stranger.post(f"/invitations/{secret}/"),
        }
        files = [stranger.get(f"/static/{name}") for name in ("css/tare.css", "js/htmx-strict.js", "icons.svg")]
        pages = [rater.get("/p/helpfulness/rate/"), rater.get("/p/helpfulness/"), lead.get("/p/helpfulness/quality/")]
        monkeypatch.setattr("raters.queries.front_of", lambda *_: 1 / 0)
        answers[500] = rater.get("/")

        assert {status: answer.status_code for status, answer in answers.items()} == {n: n for n in answers}
        assert {answer.status_code for answer in files + pages} == {200}
        policies = {answer.headers["Content-Security-Policy"] for answer in [*answers.values(), *files, *pages]}
        assert len(policies) == 1

    def test_keep_pages_out_of_caches(self, client: Client) -> None:
        assert "no-store" in client.get("/accounts/login/").headers["Cache-Control"]


class TestCompression:
    ACCEPT: ClassVar[dict[str, str]] = {"Accept-Encoding": "gzip, br"}

    def test_is_for_the_pages_of_a_project(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)
        plain = client.get("/p/helpfulness/")
        small = client.get("/p/helpfulness/", headers=self.ACCEPT)
        assert "Content-Encoding" not in plain.headers
        assert small.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in small.headers["Vary"]
        assert len(small.content) < len(plain.content) / 2
        assert b"</html>" in gzip.decompress(small.content)

    @pytest.mark.parametrize("path", ["/accounts/2fa/totp/activate/", "/accounts/password/change/", "/api/schema/"])
    def test_is_not_where_a_secret_may_stand(self, client: Client, ada: User, path: str) -> None:
        client.force_login(ada)
        client.post("/accounts/reauthenticate/", {"password": make.PASSWORD})
        answer = client.get(path, headers=self.ACCEPT)
        assert answer.status_code == 200
        assert "Content-Encoding" not in answer.headers

    def test_meets_another_token_in_every_answer(self, client: Client, project: Project, ada: User) -> None:
        client.force_login(ada)
        pages = [client.get("/p/helpfulness/", headers=self.ACCEPT).content for _ in range(3)]
        tokens = {re.findall(rb"csrfmiddlewaretoken\" value=\"(\w+)", gzip.decompress(page))[0] for page in pages}
        assert len(tokens) == 3


class TestSession:
    def test_ends_after_a_day_however_busy(self, client: Client, ada: User) -> None:
        client.force_login(ada)
        session = client.session
        session.update({"began_at": int(time.time()) - settings.SESSION_LONGEST_SECONDS - 1, "touched_at": time.time()})
        session.save()
        client.get(reverse("health"))
        assert SESSION_KEY not in client.session

    def test_is_written_once_in_five_minutes_while_it_is_used(self, client: Client, ada: User) -> None:
        client.force_login(ada)
        client.get(reverse("health"))
        first = client.session["touched_at"]
        client.get(reverse("health"))
        assert client.session["touched_at"] == first
        assert client.session["began_at"] == first

    def test_of_a_stranger_is_not_made(self, client: Client) -> None:
        client.get(reverse("health"))
        assert not client.cookies


class TestSignUp:
    def test_is_closed(self, client: Client) -> None:
        form = {"email": "eve@example.org", "password1": "correct horse staple", "password2": "correct horse staple"}
        client.post("/accounts/signup/", form)
        assert not User.objects.filter(email="eve@example.org").exists()


class TestHealth:
    def test_says_that_the_database_answers(self, client: Client) -> None:
        answer = client.get(reverse("health"))
        assert (answer.status_code, answer.json()) == (200, {"database": "up"})

    def test_says_that_it_does_not(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(connection, "cursor", refuse)
        assert client.get(reverse("health")).status_code == 503

    def test_takes_no_post(self, client: Client) -> None:
        assert client.post(reverse("health")).status_code == 405
