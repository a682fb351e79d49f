"""What changed between two versions, for those who confirmed the one before."""

from __future__ import annotations

import uuid

import pytest

from guidelines import queries
from guidelines.changes import Piece, RuleText, changes, in_words, word_diff
from raters.models import Project, User
from tests import make

ONE, TWO, THREE = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
NEW = make.TEXT.replace("A wrong claim outweighs style.", "A wrong claim outweighs style and length.").replace(
    "## 2 Short", "### 1.2 Doubt\n\nSay when you are unsure.\n\n## 2 Short"
)


class TestChanges:
    def test_a_rule_is_known_by_its_identity_not_its_number(self) -> None:
        before = [
            RuleText(ONE, "1.1", "True", "a"),
            RuleText(TWO, "1.2", "Short", "b"),
            RuleText(THREE, "2", "Old", "c"),
        ]
        after = [RuleText(TWO, "1.1", "Short", "b"), RuleText(ONE, "1.2", "True", "a b")]

        found = [(change.kind, change.number) for change in changes(before, after)]

        assert found == [("renumbered", "1.1"), ("reworded", "1.2"), ("removed", "2")]

    def test_the_same_text_has_no_change(self) -> None:
        rules = [RuleText(ONE, "1", "True", "a")]

        assert changes(rules, rules) == ()
        assert in_words(()) == "no rule changed"

    def test_words_that_came_and_went_are_marked(self) -> None:
        found = word_diff("Advice is a fault.", "Advice is never a fault. Warn.")

        assert found == (
            Piece("same", "Advice is"),
            Piece("ins", " never"),
            Piece("same", " a fault."),
            Piece("ins", " Warn."),
        )

    @pytest.mark.parametrize(
        ("before", "after"), [("", "new"), ("a  b\n\nc", "a c\nb"), ("x " * 2000, "x " * 1999 + "y")]
    )
    def test_a_diff_holds_both_texts(self, before: str, after: str) -> None:
        pieces = word_diff(before, after)

        assert "".join(piece.text for piece in pieces if piece.kind != "del") == after
        kept = "".join(piece.text for piece in pieces if piece.kind != "ins")
        assert kept.split() == before.split()

    def test_many_changes_are_said_shortly(self) -> None:
        added = changes([], [RuleText(uuid.uuid4(), f"1.{n}", "T", "") for n in range(6)])

        assert in_words(added).endswith("rule 1.3 is new, 2 more changed")


class TestRevised:
    def test_says_what_changed_since_the_version_that_was_confirmed(self, project: Project, ada: User) -> None:
        version = make.guideline_version(project, text=NEW, major=False)

        revised = queries.revised_for(ada, [version])[version.pk]

        assert revised.before == "1.0"
        assert [(change.kind, change.number) for change in revised.changes] == [("reworded", "1.1"), ("added", "1.2")]

    def test_says_nothing_to_a_rater_who_is_new_to_it(self, project: Project, ben: User) -> None:
        make.guideline(project)
        version = make.guideline_version(project, text=NEW)

        assert queries.revised_for(ben, [version]) == {}
