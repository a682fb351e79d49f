"""From rows to paper: everything a learner needs, written into its run folder before it starts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from annotation.models import Demonstration as WrittenByAPerson
from annotation.models import Prompt
from annotation.queries import prompts_of_rounds
from snapshots.queries import read_rows
from snapshots.queries.files import NotReady
from training import queries
from training.models import ModelVersion, Run
from training.records import (
    METRICS,
    OUTCOME,
    BadRecord,
    Demonstration,
    Pair,
    PromptRow,
    ScoreRequest,
    read_recipe,
    write_jsonl,
    write_recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from snapshots.models import Snapshot

CHUNK = 2000
T = TypeVar("T")


class CannotPrepare(Exception):
    """The run has nothing to work with: data or a model is missing. The message is the run's reason to fail."""


def prepare_run(run: Run, *, alive: Callable[[], object] = lambda: None) -> Path:
    """Write the run's folder: recipe.json and the data of its kind. Starts over if something is there already.

    `alive` is called now and then, for a large snapshot takes longer than a lease. Raises CannotPrepare.
    """
    folder = queries.run_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    for left in (OUTCOME, METRICS):
        (folder / left).unlink(missing_ok=True)
    try:
        recipe = read_recipe({"kind": run.kind, **run.recipe, **_models(run)})
        _write_data(run, folder, alive)
        write_recipe(folder, recipe)
    except (BadRecord, NotReady) as refusal:
        raise CannotPrepare(str(refusal)) from refusal
    except OSError as refusal:
        raise CannotPrepare(f"A file that this run needs: {refusal.strerror}: {refusal.filename}.") from refusal
    return folder


def _write_data(run: Run, folder: Path, alive: Callable[[], object]) -> None:
    if run.kind == Run.Kind.BASE:
        _copy_texts(run, folder)
    elif run.kind == Run.Kind.SFT:
        _write(
            folder / "demonstrations.jsonl", _demonstrations(run, alive), lacking="The project has no demonstrations."
        )
    elif run.kind in (Run.Kind.REWARD, Run.Kind.DPO):
        _write_pairs(run, folder, alive)
    elif run.kind == Run.Kind.PPO:
        _write(
            folder / "prompts.jsonl", _training_prompts(run, alive), lacking="The project has no prompts to train on."
        )
    elif run.kind == Run.Kind.GENERATE:
        _write(folder / "prompts.jsonl", _asked_prompts(run, alive), lacking="No prompt was asked for.")
    else:
        _write(folder / "responses.jsonl", _responses(run, alive), lacking="There are no responses to score.")


def _write(path: Path, rows: Iterable[Any], *, lacking: str) -> None:
    if not write_jsonl(path, rows):
        raise CannotPrepare(lacking)


def _models(run: Run) -> dict[str, Any]:
    """The paths of a recipe, from the models that the run names."""
    inputs = run.inputs
    paths: dict[str, Any] = {}
    if run.kind not in (Run.Kind.BASE, Run.Kind.SCORE):
        paths["model"] = _path(run.start_from)
    if run.kind == Run.Kind.PPO:
        paths |= _paths(run, {role: inputs.get(role) for role in ("reference", "reward_model", "audit_model")})
    if run.kind == Run.Kind.SCORE:
        paths["reward_models"] = _paths(run, inputs.get("reward_models") or {})
        paths |= _paths(run, {role: inputs.get(role) for role in ("policy", "reference")})
    return paths


def _paths(run: Run, named: Mapping[str, int | None]) -> dict[str, str]:
    ids = [model for model in named.values() if model is not None]
    models = ModelVersion.objects.filter(project_id=run.project_id).in_bulk(ids)
    return {role: _path(models.get(model)) for role, model in named.items() if model is not None}


def _path(model: ModelVersion | None) -> str:
    """Where the model is. Raises CannotPrepare when it is not there any more."""
    if model is None:
        raise CannotPrepare("A model that this run needs is not in the project.")
    if not (Path(model.path) / "config.json").is_file():
        raise CannotPrepare(f"The folder of the model {model} is missing: {model.path}.")
    return model.path


def _copy_texts(run: Run, folder: Path) -> None:
    texts = Path(run.inputs["texts"])
    if not texts.is_file():
        raise CannotPrepare(f"The texts to learn from are missing: {texts}.")
    shutil.copyfile(texts, folder / "texts.jsonl")


def _demonstrations(run: Run, alive: Callable[[], object]) -> Iterator[Demonstration]:
    written = WrittenByAPerson.objects.filter(project_id=run.project_id, prompt__held_out=False, superseded_at=None)
    for row in ticking(written.select_related("prompt").order_by("id").iterator(CHUNK), alive):
        yield Demonstration(messages=row.prompt.messages, completion=row.text)


def _training_prompts(run: Run, alive: Callable[[], object]) -> Iterator[PromptRow]:
    return _rows(prompts_of_rounds(run.project).filter(held_out=False), alive)


def _asked_prompts(run: Run, alive: Callable[[], object]) -> Iterator[PromptRow]:
    """The prompts of the request, then conversations that are no prompts of the project, such as probes."""
    yield from _rows(Prompt.objects.filter(generations__run=run), alive)
    for asked in run.inputs.get("conversations", ()):
        yield PromptRow(id=asked["id"], messages=asked["messages"])


def _rows(prompts: Any, alive: Callable[[], object]) -> Iterator[PromptRow]:
    for prompt in ticking(prompts.order_by("id").iterator(CHUNK), alive):
        yield PromptRow(id=str(prompt.pk), messages=prompt.messages)


@dataclass(slots=True)
class _Votes:
    """What the judgments of one comparison add up to."""

    row: dict[str, Any]
    for_b: float = 0.0
    count: int = 0

    def add(self, preference: int) -> None:
        self.for_b += 1.0 if preference > 0 else 0.5 if preference == 0 else 0.0
        self.count += 1

    def pair(self) -> Pair:
        row = self.row
        return Pair(
            id=str(row["pair_id"]),
            messages=row["prompt"],
            a=row["a"],
            b=row["b"],
            soft_label=self.for_b / self.count,
        )


def _write_pairs(run: Run, folder: Path, alive: Callable[[], object]) -> None:
    snapshot, panel = run.snapshot, run.inputs.get("panel")
    if snapshot is None:
        raise CannotPrepare("The run has no snapshot to learn from.")
    whose = "" if panel is None else f" of panel {panel}"
    lacking = f"The snapshot {snapshot} has no judgments{whose} to learn from."
    _write(folder / "pairs.train.jsonl", _pairs(snapshot, "train", panel, alive), lacking=lacking)
    tested = write_jsonl(folder / "pairs.test.jsonl", _pairs(snapshot, "test", panel, alive))
    if not tested and run.kind == Run.Kind.REWARD:
        raise CannotPrepare(f"The snapshot {snapshot} has no judgments{whose} on held-out prompts to test with.")
    if not tested:
        (folder / "pairs.test.jsonl").unlink()


def _pairs(snapshot: Snapshot, split: str, panel: int | None, alive: Callable[[], object]) -> Iterator[Pair]:
    """One pair for each comparison: the share of the panel's judgments that prefer B, a tie counting half."""
    votes: dict[Any, _Votes] = {}
    for row in ticking(read_rows(snapshot, config="judgments", split=split), alive):
        if panel is None or row["panel"] == panel:
            votes.setdefault(row["pair_id"], _Votes(row)).add(row["preference"])
    return (votes[pair].pair() for pair in sorted(votes))


def _responses(run: Run, alive: Callable[[], object]) -> Iterator[ScoreRequest]:
    source = Run.objects.get(pk=run.inputs["responses_from"])
    if source.state != Run.State.DONE:
        raise CannotPrepare(f"The run {source} has no responses: it is {source.get_state_display().lower()}.")
    messages = dict(Prompt.objects.filter(generations__run=source).values_list("pk", "messages"))
    for response in ticking(queries.responses_of(source), alive):
        asked = messages.get(int(response.prompt_id))
        if asked is None:
            raise CannotPrepare(f"The run {source} answered a prompt that is gone: {response.prompt_id}.")
        yield ScoreRequest(
            id=queries.score_id(response), messages=asked, text=response.text, finished=response.finished
        )


def ticking(rows: Iterable[T], alive: Callable[[], object], *, every: int = CHUNK) -> Iterator[T]:
    """The rows, with a sign of life in between."""
    for place, row in enumerate(rows):
        if place % every == 0:
            alive()
        yield row
