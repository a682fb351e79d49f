"""Pure: a JSON line with a prompt.

    {"prompt": "How tall is Everest?"}
    {"messages": [{"role": "user", "content": "…"}], "tags": ["facts"], "language": "en", "held_out": true}

A prompt is text, or a conversation that ends with a user turn. Without `held_out`, its content decides: one prompt in
five is kept out of training, the same ones wherever and however often they are imported.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from annotation.importers.lines import BadLine, record

FIELDS = frozenset({"prompt", "messages", "tags", "language", "source", "held_out"})
ROLES = ("system", "user", "assistant")
MAX_TURNS = 200
MAX_TAGS = 30
HELD_OUT_PERCENT = 20
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrompt:
    """A prompt that wants to come in. `held_out` None leaves it to the content."""

    messages: list[dict[str, str]]
    tags: tuple[str, ...] = ()
    language: str = "en"
    source: str = ""
    held_out: bool | None = None

    @property
    def sha256(self) -> str:
        """Of the conversation as canonical JSON: the same conversation is one prompt."""
        canonical = json.dumps(self.messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    @property
    def is_held_out(self) -> bool:
        """What was said, else one in five by the content's hash."""
        if self.held_out is not None:
            return self.held_out
        return int(self.sha256[:8], 16) % 100 < HELD_OUT_PERCENT


def parse(line: bytes, *, source: str) -> NewPrompt:
    """The prompt of one line; `source` where it names none. Raises BadLine."""
    return prompt_in(record(line, fields=FIELDS), source=source)


def prompt_in(data: dict[str, Any], *, source: str) -> NewPrompt:
    """The prompt of one record. Raises BadLine."""
    return NewPrompt(
        messages=_messages(data),
        tags=_tags(data.get("tags", [])),
        language=_language(data.get("language", "en")),
        source=_text(data, "source", most=120) or source,
        held_out=_held_out(data.get("held_out")),
    )


def _messages(data: dict[str, Any]) -> list[dict[str, str]]:
    if ("prompt" in data) == ("messages" in data):
        raise BadLine("Give either prompt or messages.")
    if "prompt" in data:
        text = data["prompt"]
        if not isinstance(text, str) or not text.strip():
            raise BadLine("prompt is a text that is not empty.")
        return [{"role": "user", "content": text}]
    return _conversation(data["messages"])


def _conversation(turns: Any) -> list[dict[str, str]]:
    if not isinstance(turns, list) or not 1 <= len(turns) <= MAX_TURNS:
        raise BadLine(f"messages is a list of 1 to {MAX_TURNS} turns.")
    for place, turn in enumerate(turns, start=1):
        if not isinstance(turn, dict) or turn.keys() != {"role", "content"}:
            raise BadLine(f"Turn {place} is not an object with role and content, and nothing else.")
        if turn["role"] not in ROLES:
            raise BadLine(f"The role of turn {place} is not one of {', '.join(ROLES)}.")
        if turn["role"] == "system" and place > 1:
            raise BadLine(f"Turn {place} is a system turn: only the first may be.")
        if not isinstance(turn["content"], str) or not turn["content"].strip():
            raise BadLine(f"The content of turn {place} is not a text, or it is empty.")
    if turns[-1]["role"] != "user":
        raise BadLine("The last turn is not the user's, so there is nothing to answer.")
    return [{"role": turn["role"], "content": turn["content"]} for turn in turns]


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise BadLine(f"tags is a list of at most {MAX_TAGS} words.")
    if not all(isinstance(tag, str) and 1 <= len(tag) <= 60 for tag in value):
        raise BadLine("Each tag is a text of 1 to 60 characters.")
    return tuple(dict.fromkeys(value))


def _language(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 20 or not _LANGUAGE.fullmatch(value):
        raise BadLine('language is a code such as "en" or "pt-BR".')
    return value


def _held_out(value: Any) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise BadLine("held_out is true or false.")
    return value


def _text(data: dict[str, Any], name: str, *, most: int) -> str:
    value = data.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise BadLine(f"{name} is a text of at most {most} characters.")
    return value
