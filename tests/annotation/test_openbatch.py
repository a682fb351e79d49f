"""A lead opens a batch of tasks from the command line."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.kinds import DEMONSTRATION, EDIT, RANKING
from annotation.models import Batch, Task, TaskResponse
from raters.models import Project
from tests import make


def _open(kind: str, **options: object) -> str:
    said = io.StringIO()
    call_command("openbatch", kind, project="helpfulness", name="one", stdout=said, **options)
    return said.getvalue()


def test_by_tag_with_the_newest_responses_of_different_words(project: Project) -> None:
    make.guideline(project)
    cooking = make.prompt(project, tags=["cooking"])
    old, *newer = make.responses(cooking, "a", "b", "c", "d")
    make.responses(cooking, " b ")
    make.prompt(project, tags=["cooking"])  # has nothing to rank
    make.responses(make.prompt(project, tags=["law"]), "a", "b", "c")

    said = _open(RANKING, tag="cooking", responses=3, overlap=2, pay=90, sensitive=True)

    assert Task.objects.get().prompt == cooking
    assert old.pk not in TaskResponse.objects.values_list("response", flat=True)
    assert TaskResponse.objects.count() == len(newer)
    batch = Batch.objects.get()
    assert (batch.pay_minor, batch.is_sensitive) == (90, True)
    assert said == f"Batch {batch.pk}, one: 1 tasks, 2 raters each.\n"


def test_to_write_from_nothing(project: Project) -> None:
    make.guideline(project)
    make.prompt(project, tags=["law"])
    _open(DEMONSTRATION, tag="law")

    assert Batch.objects.get().kind == DEMONSTRATION


def test_from_a_file_of_ids(project: Project, tmp_path: Path) -> None:
    make.guideline(project)
    prompt = make.prompt(project)
    response = make.responses(prompt)[0]
    path = tmp_path / "tasks.jsonl"
    path.write_text(f'{{"prompt": {prompt.pk}, "responses": [{response.pk}]}}\n\n')
    _open(EDIT, file=path)

    assert TaskResponse.objects.get().response == response


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "Line 1: This is not valid JSON"),
        ('{"prompt": "1"}', "Line 1: use"),
        ('{"prompt": 1, "responses": 4}', "Line 1: use"),
        ('{"prompt": true}', "Line 1: use"),
        ('{"prompt": 1, "model": 2}', "is not a field here"),
        ('{"prompt": 1}', "is not of Helpfulness"),
        ("", "nothing to work on"),
    ],
)
def test_says_which_line_is_wrong(project: Project, tmp_path: Path, line: str, words: str) -> None:
    make.guideline(project)
    path = tmp_path / "tasks.jsonl"
    path.write_text(line)

    with pytest.raises(CommandError, match=words):
        _open(DEMONSTRATION, file=path)
    assert not Batch.objects.exists()


def test_says_what_is_not_there(project: Project, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not just one"):
        _open(DEMONSTRATION, tag="law")
    with pytest.raises(CommandError, match="no guideline 'Tone'"):
        _open(DEMONSTRATION, tag="law", guideline="Tone")
    with pytest.raises(CommandError, match="cannot be read"):
        _open(DEMONSTRATION, file=tmp_path / "none.jsonl")
    with pytest.raises(CommandError, match="no project 'nowhere'"):
        call_command("openbatch", DEMONSTRATION, project="nowhere", name="one", tag="law")
