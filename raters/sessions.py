"""Who is signed in: a session and its person, read at every request by statements that are planned once."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from raters.models import User
from raters.prepared import Prepared

SESSION = Prepared(
    "session",
    """
SELECT session_key, session_data, expire_date FROM django_session
WHERE session_key = %(key)s AND expire_date > %(now)s
""",
    key="varchar",
    now="timestamptz",
)
PERSON_FIELDS = [field.attname for field in User._meta.concrete_fields]
PERSON = Prepared(
    "person",
    f"SELECT {', '.join(PERSON_FIELDS)} FROM raters_user WHERE id = %(person)s",  # noqa: S608  the names are the model's
    person="bigint",
)


class SessionStore(db.SessionStore):
    """Django's sessions in the database, which are there with Redis down, too."""

    def _get_session_from_db(self) -> Session | None:
        for key, data, until in SESSION.rows({"key": self.session_key, "now": timezone.now()}):
            return Session(session_key=key, session_data=data, expire_date=until)
        self._session_key = None
        return None


class Backend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """allauth's: people sign in with their address."""

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, unless they were locked out since."""
        for row in PERSON.rows({"person": user_id}):
            person = User.from_db("default", PERSON_FIELDS, row)
            return person if self.user_can_authenticate(person) else None
        return None
