"""Prompts and demonstrations come in whole or not at all, with a line number and a reason."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.actions import BadLines, NewPrompt, add_prompts, import_demonstrations, import_prompts
from annotation.importers import demonstrations, prompts
from annotation.importers.lines import MAX_LINE, BadLine, lines_of
from annotation.models import Demonstration, Prompt
from raters.models import AuditEntry, Project
from tests import make


def jsonl(*rows: Any) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


def imported(project: Project, lines: list[bytes]) -> tuple[int, int]:
    done = import_prompts(project, lines=lines, source="test", now=make.now())
    return done.created, done.duplicates


def errors_of(project: Project, lines: list[bytes]) -> BadLines:
    with pytest.raises(BadLines) as refusal:
        import_prompts(project, lines=lines, source="test", now=make.now())
    return refusal.value


def test_a_prompt_of_text_becomes_one_user_turn(project: Project) -> None:
    imported(project, jsonl({"prompt": "How tall is Everest?"}))
    assert Prompt.objects.get().messages == [{"role": "user", "content": "How tall is Everest?"}]


def test_a_conversation_keeps_its_turns(project: Project) -> None:
    turns = [{"role": role, "content": "x"} for role in ("system", "user", "assistant", "user")]
    imported(project, jsonl({"messages": turns}))
    assert Prompt.objects.get().messages == turns


def test_tags_language_source_and_split_are_kept(project: Project) -> None:
    row = {"prompt": "Olá?", "tags": ["facts", "geo"], "language": "pt-BR", "source": "hand", "held_out": True}
    imported(project, jsonl(row))
    prompt = Prompt.objects.get()
    assert (prompt.tags, prompt.language, prompt.source, prompt.held_out) == (["facts", "geo"], "pt-BR", "hand", True)


def test_the_same_conversation_is_one_prompt(project: Project) -> None:
    same = {"messages": [{"content": "Hi", "role": "user"}]}
    assert imported(project, jsonl({"prompt": "Hi"}, same, {"prompt": "Ho"})) == (2, 1)


def test_importing_again_adds_nothing(project: Project) -> None:
    imported(project, jsonl({"prompt": "Hi"}))
    assert imported(project, jsonl({"prompt": "Hi"})) == (0, 1)


def test_a_prompt_never_changes_its_split(project: Project) -> None:
    imported(project, jsonl({"prompt": "Hi", "held_out": True}))
    imported(project, jsonl({"prompt": "Hi", "held_out": False}))
    assert Prompt.objects.get().held_out


def test_one_prompt_in_five_is_held_out_when_nobody_says() -> None:
    new = [NewPrompt(messages=[{"role": "user", "content": str(number)}]) for number in range(2000)]
    assert 0.17 < sum(prompt.is_held_out for prompt in new) / 2000 < 0.23


def test_two_projects_may_have_the_same_prompt(project: Project) -> None:
    imported(project, jsonl({"prompt": "Hi"}))
    assert imported(make.project(), jsonl({"prompt": "Hi"})) == (1, 0)


def test_one_bad_line_keeps_all_out(project: Project) -> None:
    lines = jsonl(*({"prompt": f"Question {number}"} for number in range(2500)))
    errors_of(project, [*lines, b"{"])
    assert not Prompt.objects.exists()


def test_each_bad_line_is_named_with_its_number(project: Project) -> None:
    refusal = errors_of(project, [*jsonl({"prompt": "Hi"}, {"prompt": ""}), b"", b'{"prompt": 3}'])
    assert [error.line for error in refusal.errors] == [2, 4]


def test_a_hundred_errors_are_told_and_all_are_counted(project: Project) -> None:
    refusal = errors_of(project, [b"no"] * 250)
    assert (len(refusal.errors), refusal.count) == (100, 250)


def test_an_empty_file_is_refused(project: Project) -> None:
    assert errors_of(project, [b"", b"\n"]).errors[0].reason == "There are no lines."


def test_an_import_is_written_in_the_audit_log(project: Project) -> None:
    imported(project, jsonl({"prompt": "Hi"}))
    assert AuditEntry.objects.get(action="prompts.imported").details == {"created": 1, "duplicates": 0}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(project: Project) -> None:
    assert imported(project, [b"\xef\xbb\xbf" + b'{"prompt": "Hi"}\r\n']) == (1, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"prompt": "Hi"', "not valid JSON"),
        (b'["Hi"]', "not a JSON object"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        ('{"prompt": "Hi"}'.encode("utf-16"), "not UTF-8"),
        (b'{"prompt": "a\\u0000b"}', "U+0000"),
        (b'{"prompt": "\\ud800"}', "lone surrogate"),
        (b'{"prompt": "Hi", "prompt": "Ho"}', "given twice"),
        (b'{"prompt": "Hi", "colour": "red"}', "not a field"),
        (b"[" * 100_000, "nested"),
        (b'{"prompt": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"prompt": NaN}', "NaN"),
        (b"{}", "either prompt or messages"),
        (b'{"prompt": "Hi", "messages": []}', "either prompt or messages"),
        (b'{"prompt": "  "}', "not empty"),
        (b'{"messages": []}', "1 to 200 turns"),
        (b'{"messages": [{"role": "user", "content": "Hi", "name": "x"}]}', "nothing else"),
        (b'{"messages": [{"role": "robot", "content": "Hi"}]}', "role of turn 1"),
        (b'{"messages": [{"role": "user", "content": 3}]}', "content of turn 1"),
        (b'{"messages": [{"role": "assistant", "content": "Hi"}]}', "nothing to answer"),
        (b'{"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]}', "only the first"),
        (b'{"prompt": "Hi", "tags": "facts"}', "tags is a list"),
        (b'{"prompt": "Hi", "tags": [""]}', "1 to 60"),
        (b'{"prompt": "Hi", "language": "English please"}', "language"),
        (b'{"prompt": "Hi", "held_out": "yes"}', "true or false"),
        (b'{"prompt": "Hi", "source": "%s"}' % (b"x" * 121), "120"),
        (b'{"prompt": "%s"}' % (b"x" * MAX_LINE), "more than 1,000,000 bytes"),
    ],
)
def test_a_line_that_cannot_be_kept_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(BadLine, match=reason.replace("+", r"\+")):
        prompts.parse(line, source="")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_prompt_or_a_reason(line: bytes) -> None:
    try:
        prompts.parse(line, source="")
    except BadLine as refusal:
        assert str(refusal)  # noqa: PT017  either way out is fine, but a refusal has words


@given(st.text(min_size=1).filter(str.strip))
def test_line_separators_inside_a_text_do_not_end_a_line(text: str) -> None:
    line = json.dumps({"prompt": text.replace("\x00", "")}, ensure_ascii=False).encode("utf-8", "replace")
    assert list(lines_of(io.BytesIO(line + b"\n" + line))) == [line, line]


class Endless(io.RawIOBase):
    """A file of one line of a gigabyte."""

    left = 2**30

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return b"x" * size


def test_a_line_of_a_gigabyte_takes_no_memory(project: Project) -> None:
    tracemalloc.start()
    found = [len(line) for line in lines_of(Endless())]  # type: ignore[arg-type]  # enough of a file for this
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [MAX_LINE + 1]
    assert peak < 20_000_000


def test_a_demonstration_brings_its_prompt(project: Project) -> None:
    row = {"prompt": "How tall is Everest?", "completion": "8,849 metres."}
    done = import_demonstrations(project, lines=jsonl(row, row), source="test", now=make.now())
    demonstration = Demonstration.objects.get()
    assert (done.created, done.duplicates) == (1, 1)
    assert (demonstration.text, demonstration.prompt.question) == ("8,849 metres.", "How tall is Everest?")


def test_two_demonstrations_of_one_prompt_are_two(project: Project) -> None:
    rows = [{"prompt": "Hi", "completion": text} for text in ("Hello.", "Good day.")]
    import_demonstrations(project, lines=jsonl(*rows), source="test", now=make.now())
    assert (Prompt.objects.count(), Demonstration.objects.count()) == (1, 2)


def test_a_bad_demonstration_keeps_all_out(project: Project) -> None:
    with pytest.raises(BadLines):
        import_demonstrations(
            project, lines=jsonl({"prompt": "a", "completion": "b"}, {"prompt": "c"}), source="", now=make.now()
        )
    assert not Prompt.objects.exists()


def test_a_completion_is_not_empty() -> None:
    with pytest.raises(BadLine, match="completion"):
        demonstrations.parse(b'{"prompt": "Hi", "completion": " "}', source="")


def test_added_prompts_come_back_in_order_whether_new_or_not(project: Project) -> None:
    there = make.prompt(project, "b")
    new = [NewPrompt(messages=[{"role": "user", "content": text}]) for text in "abca"]
    found = add_prompts(project, conversations=new)
    assert [prompt.question for prompt in found] == ["a", "b", "c", "a"]
    assert found[1] == there


def test_the_lines_are_read_once_and_never_kept(project: Project) -> None:
    def lines() -> Iterator[bytes]:
        for number in range(5000):
            yield json.dumps({"prompt": f"Question {number} {'x' * 1000}"}).encode()

    tracemalloc.start()
    import_prompts(project, lines=lines(), source="test", now=make.now())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert Prompt.objects.count() == 5000
    assert peak < 25_000_000
