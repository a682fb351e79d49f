"""The child that answers live turns, with a real model: the lines it speaks, and how fast."""

from __future__ import annotations

import io
import shutil
import statistics
import time
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from annotation.models import Exchange
from raters.models import Project, User
from tests import make
from tests.training import build
from training.learn import converse
from training.live import Host
from training.models import ModelVersion
from training.records import TOO_LONG, Message, Ready, TurnAnswer, TurnRequest, digest_of, read_line, written_line
from training.resident import NoAnswer, Resident, Unusable

HELLO = [{"role": "user", "content": "What is 2 plus 3?"}]


def request(*seeds: int, messages: list[Message] = HELLO, most: int = 24) -> TurnRequest:
    return TurnRequest(id="7-1", messages=messages, seeds=list(seeds), max_new_tokens=most)


def words(count: int) -> list[Message]:
    return [{"role": "user", "content": "word " * count}]


@pytest.fixture(scope="module")
def voice(model: Path) -> converse.Voice:
    """The tiny model, loaded in this process."""
    return converse.load(model)


def test_each_seed_gives_its_own_answer_again_and_again(voice: converse.Voice) -> None:
    first, again, alone = voice.answer(request(1, 2)), voice.answer(request(1, 2)), voice.answer(request(2))

    assert first.texts == again.texts
    assert first.texts[0] != first.texts[1] == alone.texts[0]
    assert all(0 < tokens <= 24 for tokens in first.tokens)


def test_a_conversation_longer_than_the_model_reads_is_refused(voice: converse.Voice) -> None:
    assert voice.answer(request(1, messages=words(400))).refused == TOO_LONG


def test_an_answer_fits_behind_its_conversation(voice: converse.Voice) -> None:
    answer = voice.answer(request(1, 2, messages=words(15), most=8192))

    assert not answer.refused and max(answer.tokens) < 160


def test_it_speaks_lines_until_nobody_asks(model: Path) -> None:
    told = io.BytesIO()
    asked = io.BytesIO(written_line(request(1, 2)) + written_line(request(3, messages=words(400))))

    assert converse.serve(model, asked=asked, told=told) == 0

    ready, first, second = told.getvalue().splitlines()
    assert read_line(Ready, ready) == Ready(digest=digest_of(model), room=160)
    assert len(read_line(TurnAnswer, first).texts) == 2
    assert read_line(TurnAnswer, second).refused == TOO_LONG


def test_a_model_that_cannot_be_loaded_is_refused_in_words(tmp_path: Path) -> None:
    told = io.BytesIO()

    assert converse.serve(tmp_path, asked=io.BytesIO(), told=told) == 2
    assert "config.json is missing" in read_line(Ready, told.getvalue()).refused


def test_without_a_folder_it_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert converse.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_changed_weights_are_not_talked_to(model: Path, tmp_path: Path) -> None:
    changed = tmp_path / "model"
    shutil.copytree(model, changed)
    (changed / "note.txt").write_text("added later")
    resident = Resident(changed, log=tmp_path / "log")
    try:
        with pytest.raises(Unusable, match="they were changed"):
            resident.hear_ready(digest=digest_of(model), within=60, alive=lambda: None)
    finally:
        resident.stop()


def test_a_child_that_was_ended_says_so(model: Path, tmp_path: Path) -> None:
    resident = Resident(model, log=tmp_path / "log")
    resident._process.kill()
    try:
        with pytest.raises(NoAnswer, match="ended with status -9"):
            resident.hear_ready(digest="", within=30, alive=lambda: None)
    finally:
        resident.stop()


def test_a_turn_is_answered_within_three_seconds_once_the_model_is_loaded(
    project: Project, ada: User, model: Path, settings: Settings
) -> None:
    settings.TARE_LIVE_TOKENS = 24  # the tiny model has no end in it, and reads 160 tokens
    policy = build.model(project)
    ModelVersion.objects.filter(pk=policy.pk).update(path=str(model), digest=digest_of(model))
    talk = make.conversation(ada, make.live_batch(project))
    host, took = Host(now=make.now), []
    try:
        assert host.answer_all() == 0 and host.pid is not None
        for number in range(3):
            exchange = make.turn(talk, f"What is {number} plus 3?")
            started = time.monotonic()
            host.answer_all()
            took.append(time.monotonic() - started)
            exchange.refresh_from_db()
            assert exchange.state == Exchange.State.OFFERED
            make.live_judgment(exchange)
    finally:
        host.dismiss()

    assert statistics.median(took) < 3.0, took
