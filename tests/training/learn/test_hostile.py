"""Model folders made to do harm: no code of theirs runs, whichever learner opens them, and the refusal is in words."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.training.learn.conftest import prompt_rows, run_folder
from training.learn import generate, ppo
from training.records import read_outcome

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages.append(1) }}",
    "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}",
    "{% for message in messages %}{{ raise_exception('no') }}{% endfor %}",
    "{% if %}",
]
# Runs a learner and tells every program started, every file opened for writing and every code unpickled.
WATCHED = """
import sys
seen = []
def watch(event, details):
    if event in ("os.system", "subprocess.Popen", "pickle.find_class") and "CANARY" in repr(details):
        seen.append(event)
    if event == "import" and "modeling_evil" in details[0]:
        seen.append(event)
sys.addaudithook(watch)
from training.learn.generate import main
code = main([sys.argv[1]])
sys.stdout.write(repr((code, seen)))
"""


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


@pytest.fixture
def spoilt(model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to spoil."""
    return Path(shutil.copytree(model, tmp_path / "spoilt"))


def _generate(folder: Path, model: Path) -> Path:
    return run_folder(folder, "generate", {"prompts.jsonl": prompt_rows()}, model=str(model), max_new_tokens=2)


def _reason(folder: Path) -> str:
    outcome = read_outcome(folder)
    assert outcome is not None
    assert outcome.state == "failed"
    return outcome.reason


def test_a_folder_full_of_traps_is_refused_before_anything_of_it_runs(spoilt: Path, tmp_path: Path) -> None:
    canary = tmp_path / "CANARY"
    (spoilt / "model.safetensors").unlink()
    for name in ("pytorch_model.bin", "training_args.bin", "tokenizer.pkl"):
        (spoilt / name).write_bytes(pickle.dumps(Touch(canary)))
    config = json.loads((spoilt / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "modeling_evil.Evil", "AutoModelForCausalLM": "modeling_evil.Evil"}
    (spoilt / "config.json").write_text(json.dumps(config))
    (spoilt / "modeling_evil.py").write_text(f"from pathlib import Path\nPath({str(canary)!r}).touch()\n")
    folder = _generate(tmp_path / "run", spoilt)
    command = [sys.executable, "-c", WATCHED, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout == "(2, [])", ended.stderr
    assert "auto_map" in _reason(folder)
    assert not canary.exists()


@pytest.mark.usefixtures("calm")
def test_pickled_weights_beside_safe_ones_stay_closed(spoilt: Path, tmp_path: Path) -> None:
    canary = tmp_path / "CANARY"
    (spoilt / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(canary)))
    assert generate.main([str(_generate(tmp_path / "run", spoilt))]) == 0
    assert not canary.exists()


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize("template", ESCAPES)
def test_a_chat_template_does_not_leave_its_sandbox(
    spoilt: Path, tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (spoilt / "chat_template.jinja").write_text(template)
    folder = _generate(tmp_path / "run", spoilt)
    assert generate.main([str(folder)]) == 2
    assert "chat template cannot be used" in _reason(folder)
    assert not (tmp_path / "CANARY").exists()


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{garbage"),
        ("tokenizer.json", '{"model": {"type": "Nothing"}}'),
        ("config.json", "[]"),
        ("config.json", '{"model_type": "nothing-of-the-kind"}'),
        ("tokenizer_config.json", "[1"),
    ],
)
def test_a_broken_file_is_named(spoilt: Path, tmp_path: Path, name: str, content: str) -> None:
    (spoilt / name).write_text(content)
    folder = _generate(tmp_path / "run", spoilt)
    assert generate.main([str(folder)]) == 2
    assert _reason(folder).startswith("spoilt: ")


@pytest.mark.usefixtures("calm")
def test_a_model_that_gives_no_scores_is_no_reward_model(model: Path, tmp_path: Path) -> None:
    paths = {"model": str(model), "reference": str(model), "reward_model": str(model)}
    folder = run_folder(tmp_path / "run", "ppo", {"prompts.jsonl": prompt_rows()}, **paths)
    assert ppo.main([str(folder)]) == 2
    assert "is not a reward model" in _reason(folder)
