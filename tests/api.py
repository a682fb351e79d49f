"""A program that talks to the API with a token of somebody's."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from raters import actions
from raters.models import ApiToken, Project, User

EVERY_SCOPE = actions.SCOPES


def token_for(
    user: User, project: Project, *scopes: str, now: datetime | None = None, days: int = 90
) -> tuple[ApiToken, str]:
    """A token and its secret; with every scope when none is named."""
    return actions.make_token(
        project, user=user, name="test", scopes=scopes or EVERY_SCOPE, now=now or timezone.now(), days=days
    )


class Program:
    """A client that sends its token, and gets an answer even when the server fails."""

    def __init__(self, secret: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {secret}"} if secret else {}

    def get(self, path: str, **headers: Any) -> Any:
        """GET, with more headers."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any, *, kind: str = "application/json", **headers: Any) -> Any:
        """POST a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data=data, kind=kind, **headers)

    def put(self, path: str, body: Any, *, kind: str = "application/json", **headers: Any) -> Any:
        """PUT a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("PUT", path, data=data, kind=kind, **headers)

    def lines(self, path: str, *rows: Any) -> Any:
        """POST rows as JSON lines."""
        return self.post(path, b"\n".join(json.dumps(row).encode() for row in rows), kind="application/x-ndjson")

    def ask(
        self, method: str, path: str, *, data: bytes = b"", kind: str = "application/octet-stream", **headers: Any
    ) -> Any:
        """Any request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(method, path, data, content_type=kind, headers={**self.headers, **named})


def program(user: User, project: Project, *scopes: str) -> Program:
    """A program with a token of this person's."""
    return Program(token_for(user, project, *scopes)[1])


def yesterday() -> datetime:
    """A day before now: tokens are checked against the real clock."""
    return timezone.now() - timedelta(days=1)
