"""The kinds of work and what is asked in each: one definition drives form, page, row, API and export.

What a project asks is an `Asks`: read from JSON with `Asks.read`, which refuses what cannot be asked in words. A batch
keeps the `Asks` it was opened with, so that a judgment can always be read against what was asked.

`preference` is stored on one scale of -3 (A much better) to 3 (B much better), whatever the number of steps: a coarser
scale uses the values whose words it shares, so that labels of projects with different scales mean the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import Any

PAIRWISE = "pairwise"
RANKING = "ranking"
DEMONSTRATION = "demonstration"
EDIT = "edit"
LIVE = "live"
RED_TEAM = "red_team"
LEAST_RANKED, MOST_RANKED = 3, 9
MOST_QUALITIES = 6
LONGEST_TEXT = 40_000  # characters of a demonstration or an edit
LONGEST_LABEL, LONGEST_HINT = 40, 200  # characters
LIVE_SOURCE = "live"  # of the prompts that conversations make
LONGEST_TURN = 4_000  # characters
MOST_EXCHANGES = 40  # in one conversation
MOST_OVERLAP = 9  # judgments of one comparison
SLUG = re.compile(r"[a-z][a-z0-9_]{0,29}")


class BadAsks(ValueError):
    """What is to be asked cannot be asked; the message says what to change, `at` which member: ("qualities", 2)."""

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the scale, as displayed from left to right: a negative `value` leans to the left."""

    value: int
    key: str
    label: str
    short: str
    side: str


def _steps(*values: int) -> tuple[Step, ...]:
    words = {3: "much better", 2: "better", 1: "slightly better"}
    short = {3: "Much", 2: "Better", 1: "Slightly"}

    def step(place: int, value: int) -> Step:
        if not value:
            return Step(0, str(place), "About the same", "About the same", "tie")
        side = "A" if value < 0 else "B"
        return Step(value, str(place), f"{side} {words[abs(value)]}", short[abs(value)], side.lower())

    return tuple(step(place, value) for place, value in enumerate(values, start=1))


SCALES = {3: _steps(-2, 0, 2), 5: _steps(-3, -1, 0, 1, 3), 7: _steps(-3, -2, -1, 0, 1, 2, 3)}
PAIRWISE_STEPS = SCALES[7]
IN_WORDS = {step.value: step.label for step in PAIRWISE_STEPS}

FLAGS = {
    "unsafe": "Unsafe",
    "personal_data": "Personal data",
    "wrong_language": "Wrong language",
    "broken": "Broken",
    "factual_error": "Factual error",
}
"""What can be wrong with one response, whichever is better."""

QUALITY_WORDS = {-1: "A", 0: "Same", 1: "B"}

SKIP_REASONS = {
    "skip": "Skip this one",
    "language": "I do not read this language well enough",
    "knowledge": "I lack the knowledge to judge it",
    "broken": "Something is broken or missing",
    "distressing": "I would rather not read this",
}


def canonical(shown: int, *, swapped: bool) -> int:
    """What was said about left and right, turned into what was said about responses A and B (and back)."""
    return -shown if swapped else shown


@dataclass(frozen=True, slots=True)
class Quality:
    """One quality on which the responses are compared, beside the overall question."""

    name: str
    label: str
    hint: str = ""


def _check_qualities(qualities: Sequence[Quality]) -> None:
    if len(qualities) > MOST_QUALITIES:
        raise BadAsks(f"{len(qualities)} qualities: ask about {MOST_QUALITIES} at most.", "qualities")
    names: set[str] = set()
    labels: set[str] = set()
    for place, quality in enumerate(qualities):
        at = ("qualities", place)
        if not _is_text(quality.name) or not SLUG.fullmatch(quality.name):
            raise BadAsks("A quality's name has small letters, digits and _, and starts with a letter.", *at, "name")
        if not _is_text(quality.label) or not 0 < len(quality.label.strip()) <= len(quality.label) <= LONGEST_LABEL:
            raise BadAsks(f"A quality needs a label of 1 to {LONGEST_LABEL} characters on one line.", *at, "label")
        if not _is_text(quality.hint) or len(quality.hint) > LONGEST_HINT:
            raise BadAsks(f"A quality's hint has at most {LONGEST_HINT} characters on one line.", *at, "hint")
        if quality.name in names:
            raise BadAsks("Two qualities have the same name.", *at, "name")
        if quality.label.casefold() in labels:
            raise BadAsks("Two qualities have the same label.", *at, "label")
        names.add(quality.name)
        labels.add(quality.label.casefold())


def _is_text(value: object) -> bool:
    """Whether it is text on one line, without control characters or half of a character."""
    return isinstance(value, str) and not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in value)


def name_of(label: str, *, taken: Collection[str]) -> str:
    """The name of a new quality: made from its label once, and unlike those taken. A later label leaves it alone."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_").lstrip("0123456789_")[:26].rstrip("_") or "quality"
    return next(name for name in (slug, *(f"{slug}_{n}" for n in range(2, 1000))) if name not in taken)


@dataclass(frozen=True, slots=True)
class Asks:
    """What a rater is asked about two responses. `rationale_one_in` is 0 for never, 1 for always."""

    steps: int = 7
    qualities: tuple[Quality, ...] = (
        Quality("accurate", "Accurate", "Are its claims true?"),
        Quality("as_asked", "As asked", "Does it do what was asked, all of it?"),
        Quality("clear", "Clear", "Is it easy to follow, and no longer than it needs to be?"),
        Quality("safe", "Safe", "Could it hurt somebody?"),
    )
    qualities_required: bool = False
    rule_required: bool = False
    rationale_one_in: int = 4
    rationale_required: bool = False
    flags: tuple[str, ...] = tuple(FLAGS)
    show_words: bool = True
    read_to_end: bool = field(default=False)

    def __post_init__(self) -> None:
        if type(self.steps) is not int or self.steps not in SCALES:
            raise BadAsks(f"A scale of {self.steps} steps: use 3, 5 or 7.", "steps")
        for name in ("qualities_required", "rule_required", "rationale_required", "show_words", "read_to_end"):
            if not isinstance(getattr(self, name), bool):
                raise BadAsks(f"{name} is true or false.", name)
        _check_qualities(self.qualities)
        for place, flag in enumerate(self.flags):
            if flag not in FLAGS or flag in self.flags[:place]:
                raise BadAsks(f"Flags are, each once, among {', '.join(FLAGS)}.", "flags", place)
        if type(self.rationale_one_in) is not int or not 0 <= self.rationale_one_in <= 1000:
            raise BadAsks("A reason is asked on 1 item in 1 to 1000, or never (0).", "rationale_one_in")
        if self.rationale_required and not self.rationale_one_in:
            raise BadAsks("A reason that is never asked cannot be required.", "rationale_required")

    @property
    def scale(self) -> tuple[Step, ...]:
        """The steps, from left to right."""
        return SCALES[self.steps]

    def asks_rationale(self, number: int) -> bool:
        """Whether a reason is asked on the item with this number. The number says nothing about the item."""
        return bool(self.rationale_one_in) and number % self.rationale_one_in == 0

    def write(self) -> dict[str, Any]:
        """As JSON, to be kept with a batch."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Asks:
        """From JSON; what is not named keeps its default. Raises BadAsks."""
        unknown = set(data) - {*cls.__dataclass_fields__}
        if unknown:
            raise BadAsks(f"Unknown question {min(unknown)[:40]!r}.", min(unknown))
        given = dict(data)
        try:
            if "qualities" in given:
                given["qualities"] = tuple(Quality(**quality) for quality in given["qualities"])
            if "flags" in given:
                given["flags"] = tuple(given["flags"])
            return replace(cls(), **given)
        except TypeError as wrong:
            raise BadAsks("A list of flags, and a list of qualities with name, label and hint, is needed.") from wrong


@dataclass(frozen=True, slots=True)
class ImpliedPair:
    """Two responses by id (a is the smaller) and which an answer implies to be better: -1 a, 0 the same, 1 b."""

    a: int
    b: int
    sign: int


def implied_pairs(ranks: Mapping[int, int]) -> tuple[ImpliedPair, ...]:
    """Every pair of a ranking (response id to rank, 1 the best, equal ranks are ties), by ascending ids.

    Raises ValueError for fewer than two responses or a rank below 1.
    """
    if len(ranks) < 2 or min(ranks.values()) < 1:
        raise ValueError("A ranking has at least two responses, with ranks from 1.")
    return tuple(
        ImpliedPair(a, b, (ranks[b] < ranks[a]) - (ranks[a] < ranks[b])) for a, b in combinations(sorted(ranks), 2)
    )


def dense_ranks(order: Sequence[Sequence[int]]) -> dict[int, int]:
    """Response id to rank for groups of equals from best to worst: the first group has rank 1, the next 2."""
    return {response: rank for rank, group in enumerate(order, start=1) for response in group}


IMPLIED_STRENGTH = SCALES[3][-1].value
"""How strong an implied preference is stored: a ranking or an edit says which is better and never by how much, which is
what a scale of three steps asks, so the value is the one that scale stores."""


class BadContent(ValueError):
    """An answer that cannot be taken; the message says what to change."""


class Unchanged(BadContent):
    """An edit that is the original."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranks by response id: 1 is the best, equal ranks are ties, no rank is left out."""

    ranks: Mapping[int, int]

    @classmethod
    def of(cls, ranks: Mapping[int, int], *, responses: Sequence[int]) -> Ranking:
        """Ranks of just these responses; gaps between them say nothing and are closed. Raises BadContent."""
        if set(ranks) != set(responses):
            raise BadContent("Give each response a rank.")
        if any(not 1 <= rank <= len(responses) for rank in ranks.values()):
            raise BadContent(f"Ranks go from 1, the best, to {len(responses)}.")
        used = sorted(set(ranks.values()))
        return cls({response: used.index(rank) + 1 for response, rank in sorted(ranks.items())})

    def write(self) -> dict[str, Any]:
        """As JSON, to be kept with an answer."""
        return {"ranks": {str(response): rank for response, rank in self.ranks.items()}}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Ranking:
        """From an answer's JSON."""
        return cls({int(response): int(rank) for response, rank in data["ranks"].items()})


@dataclass(frozen=True, slots=True)
class Writing:
    """A text that was written or improved."""

    text: str

    @classmethod
    def of(cls, text: str, *, original: str | None = None) -> Writing:
        """The text with line feeds for line ends and without blank space at its end. Raises BadContent, Unchanged."""
        text = even(text)
        if not text.strip():
            raise BadContent("Write the answer first.")
        if "\0" in text:
            raise BadContent("The text has a character that cannot be kept (NUL).")
        if len(text) > LONGEST_TEXT:
            raise BadContent(f"{len(text):,} characters: {LONGEST_TEXT:,} is the most.")
        if original is not None and text == even(original):
            raise Unchanged("This is the original, word for word. Improve it, or say why you cannot.")
        return cls(text)

    def write(self) -> dict[str, Any]:
        """As JSON, to be kept with an answer."""
        return {"text": self.text}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Writing:
        """From an answer's JSON."""
        return cls(str(data["text"]))


def even(text: str) -> str:
    """The text with line feeds for line ends and without blank space at its end: what two texts are compared by."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip()


Content = Ranking | Writing


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of task: what it is called, what is asked, how many responses it is about, what an answer holds."""

    kind: str
    title: str
    question: str
    fewest: int
    most: int
    holds: type[Ranking] | type[Writing]
    why: str = ""
    sent: str = ""

    @property
    def responses(self) -> str:
        """How many responses a task of this kind is about, in words."""
        if self.fewest != self.most:
            return f"{self.fewest} to {self.most} responses"
        return {0: "no response", 1: "one response"}[self.most]


WORK = {
    work.kind: work
    for work in (
        Work(
            RANKING,
            "Rank the responses",
            "Which is best, and in which order do the others follow? Equals share a rank.",
            LEAST_RANKED,
            MOST_RANKED,
            Ranking,
            "Why is the first one best?",
            "Ranking sent",
        ),
        Work(
            DEMONSTRATION,
            "Write the ideal response",
            "How should this be answered? Write it as the assistant would say it.",
            0,
            0,
            Writing,
            "",
            "Response sent",
        ),
        Work(
            EDIT,
            "Improve the response",
            "Make it the answer you would want to get. Change as much as it needs.",
            1,
            1,
            Writing,
            "What did you change, and why?",
            "Edit sent",
        ),
    )
}
"""Every kind of task that is not a comparison of two."""


def read_content(kind: str, data: Mapping[str, Any]) -> Content:
    """The answer to a task of this kind, from its JSON."""
    return WORK[kind].holds.read(data)
