"""What a learner left is read as the database can keep it."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from raters.models import Project
from tests.training import build
from training.queries import responses_of, run_folder
from training.records import ResponseRow


@pytest.mark.parametrize(
    ("written", "read"),
    [("plain", "plain"), ("a\0b", "a\N{REPLACEMENT CHARACTER}b"), ("\ud83d!", "\N{REPLACEMENT CHARACTER}!")],
)
def test_a_response_of_any_bytes_can_be_stored(project: Project, written: str, read: str) -> None:
    run = build.run(project)
    run_folder(run).mkdir(parents=True)
    row = ResponseRow(prompt_id="1", sample=0, text=written, finished=True, tokens=1, logprob=-1.0)
    (run_folder(run) / "responses.jsonl").write_text(json.dumps(asdict(row)) + "\n")

    assert [response.text for response in responses_of(run)] == [read]
