"""How a rater's browser talks at the doors of a live conversation."""

from __future__ import annotations

import uuid
from typing import Any

from django.test import Client

from annotation.models import Conversation, Exchange

HTMX = {"HX-Request": "true"}


def url(thing: Conversation | Exchange, deed: str = "") -> str:
    """The address of a conversation or of one of its turns, and of what is done there."""
    folder = "conversations" if isinstance(thing, Conversation) else "exchanges"
    return f"/p/helpfulness/{folder}/{thing.pk}/{deed and deed + '/'}"


def html(answer: Any) -> str:
    """The page that came back."""
    return str(answer.content.decode())


def say(client: Client, talk: Conversation, text: str = "Hello.", **more: Any) -> Any:
    """The rater sends a turn."""
    return client.post(url(talk, "turn"), {"text": text, "key": str(uuid.uuid4()), **more}, headers=HTMX)


def judge(client: Client, exchange: Exchange, **more: Any) -> Any:
    """The rater says which of the two answers is better."""
    sent = {"preference": "2", "key": str(uuid.uuid4()), "seconds": "3.5", **more}
    return client.post(url(exchange, "judgment"), sent, headers=HTMX)
