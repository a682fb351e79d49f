"""Importing: prompts and demonstrations come in, all of them or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import connection, transaction

from annotation.actions.rendering import enqueue_renderings
from annotation.importers import demonstrations, prompts
from annotation.importers.lines import BadLine
from annotation.importers.prompts import NewPrompt
from annotation.models import Demonstration, Prompt
from raters.actions import note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from raters.models import Project, User

CHUNK = 1000
MOST_ERRORS = 100
# Imports of one project wait for each other under this advisory lock, so that what one finds missing no other adds.
IMPORTS = 7202
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. A duplicate was there before, or came twice."""

    created: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line, counted from 1, cannot be imported."""

    line: int
    reason: str


class BadLines(Exception):
    """Lines that cannot be imported; nothing was. `errors` are the first hundred, `count` is how many there are."""

    def __init__(self, errors: Sequence[LineError], count: int) -> None:
        super().__init__(f"{count} line(s) cannot be imported; nothing was.")
        self.errors, self.count = tuple(errors), count


@dataclass(slots=True)
class _Reading(Generic[T]):
    """Parses lines and remembers what is wrong with them. Good records stop coming after the first bad line."""

    parse: Callable[[bytes], T]
    errors: list[LineError] = field(default_factory=list)
    bad: int = 0

    def records(self, lines: Iterable[bytes]) -> Iterator[T]:
        found = False
        for number, raw in enumerate(lines, start=1):
            line = (raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw).rstrip(b"\r\n")
            if not line.strip():
                continue
            found = True
            try:
                parsed = self.parse(line)
            except BadLine as refusal:
                self._remember(number, str(refusal))
                continue
            if not self.bad:
                yield parsed
        if not found:
            self._remember(1, "There are no lines.")
        if self.bad:
            raise BadLines(self.errors, self.bad)

    def _remember(self, number: int, reason: str) -> None:
        self.bad += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(LineError(number, reason))


@transaction.atomic
def import_prompts(
    project: Project, *, lines: Iterable[bytes], source: str, now: datetime, by: User | None = None
) -> Imported:
    """Take in prompts, a JSON line each: all of them, or none. Raises BadLines."""
    _alone_in(project)
    reading = _Reading(lambda line: prompts.parse(line, source=source))
    total, new = 0, list[int]()
    for chunk in _chunks(reading.records(lines)):
        total += len(chunk)
        new += [prompt.pk for prompt in _add_missing(project, chunk, now=now)]
    enqueue_renderings(prompts=new)
    done = Imported(created=len(new), duplicates=total - len(new))
    details = {"created": done.created, "duplicates": done.duplicates}
    note(project, actor=by, action="prompts.imported", subject=source or "prompts", details=details)
    return done


@transaction.atomic
def import_demonstrations(
    project: Project, *, lines: Iterable[bytes], source: str, now: datetime, by: User | None = None
) -> Imported:
    """Take in demonstrations and the prompts they answer: all of them, or none. Raises BadLines."""
    _alone_in(project)
    reading = _Reading(lambda line: demonstrations.parse(line, source=source))
    created, total, new = 0, 0, list[int]()
    for chunk in _chunks(reading.records(lines)):
        total += len(chunk)
        new += [prompt.pk for prompt in _add_missing(project, [entry.prompt for entry in chunk], now=now)]
        created += _add_demonstrations(project, chunk, now=now)
    enqueue_renderings(prompts=new)
    done = Imported(created=created, duplicates=total - created)
    details = {"created": done.created, "duplicates": done.duplicates}
    note(project, actor=by, action="demonstrations.imported", subject=source or "demonstrations", details=details)
    return done


@transaction.atomic
def add_prompts(project: Project, *, conversations: Sequence[NewPrompt]) -> list[Prompt]:
    """The prompts with these conversations, in this order; those that are missing are added.

    A prompt that is there keeps its tags and its split: what was held out once stays so.
    """
    _alone_in(project)
    enqueue_renderings(prompts=[prompt.pk for prompt in _add_missing(project, conversations)])
    hashes = [conversation.sha256 for conversation in conversations]
    found = {prompt.sha256: prompt for prompt in Prompt.objects.filter(project=project, sha256__in=hashes)}
    return [found[sha256] for sha256 in hashes]


def _alone_in(project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [IMPORTS, project.pk])


def _chunks(records: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def _add_missing(project: Project, wanted: Sequence[NewPrompt], *, now: datetime | None = None) -> list[Prompt]:
    """Add the conversations that the project does not have. Returns the new prompts."""
    by_hash = {conversation.sha256: conversation for conversation in reversed(wanted)}
    known = Prompt.objects.filter(project=project, sha256__in=by_hash.keys()).values_list("sha256", flat=True)
    for sha256 in known:
        del by_hash[sha256]
    stamp = {} if now is None else {"created_at": now}
    return Prompt.objects.bulk_create(
        Prompt(
            project=project,
            messages=conversation.messages,
            sha256=sha256,
            tags=list(conversation.tags),
            source=conversation.source,
            language=conversation.language,
            held_out=conversation.is_held_out,
            **stamp,
        )
        for sha256, conversation in reversed(by_hash.items())
    )


def _add_demonstrations(project: Project, wanted: Sequence[demonstrations.NewDemonstration], *, now: datetime) -> int:
    """Add the demonstrations that the project does not have, to prompts that it has. Returns how many."""
    hashes = {demonstration.prompt.sha256 for demonstration in wanted}
    prompt_ids = dict(Prompt.objects.filter(project=project, sha256__in=hashes).values_list("sha256", "pk"))
    missing = {(prompt_ids[entry.prompt.sha256], entry.sha256): entry for entry in reversed(wanted)}
    there = Demonstration.objects.filter(prompt__in=prompt_ids.values(), sha256__in=[sha256 for _, sha256 in missing])
    again = []
    for pk, prompt_id, sha256, superseded_at in there.values_list("pk", "prompt_id", "sha256", "superseded_at"):
        if missing.pop((prompt_id, sha256), None) and superseded_at:
            again.append(pk)
    # a rater took this text back, and now it comes from elsewhere: it counts again, and no longer as theirs
    Demonstration.objects.filter(pk__in=again).update(superseded_at=None, answer=None, author=None)
    Demonstration.objects.bulk_create(
        Demonstration(
            project=project,
            prompt_id=prompt_id,
            text=entry.completion,
            sha256=sha256,
            source=entry.prompt.source,
            created_at=now,
        )
        for (prompt_id, sha256), entry in reversed(missing.items())
    )
    return len(missing) + len(again)
