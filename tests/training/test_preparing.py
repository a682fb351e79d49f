"""What a learner is given: the right rows, and never a held-out one; or a refusal in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotation.models import Demonstration
from raters.models import Project
from snapshots import actions as snapshots
from snapshots.models import Snapshot
from tests import make
from tests.training import build
from training import actions
from training.models import ModelVersion, Run
from training.queries import run_folder
from training.records import Pair, PromptRow, ResponseRow, ScoreRequest, read_jsonl, read_recipe, read_rows, write_jsonl


def prepared(run: Run) -> Path:
    return actions.prepare_run(run)


def refusal(run: Run) -> str:
    with pytest.raises(actions.CannotPrepare) as refused:
        actions.prepare_run(run)
    return str(refused.value)


def demonstration(project: Project, text: str, *, held_out: bool = False) -> Demonstration:
    prompt = make.prompt(project, held_out=held_out)
    return Demonstration.objects.create(project=project, prompt=prompt, text=text, sha256=text.ljust(64, "0"))


def frozen(project: Project) -> Snapshot:
    snapshots.request_snapshot(project, name="prefs", filters={}, by=None)
    snapshot = snapshots.build_next_snapshot(now=make.now())
    assert snapshot is not None and snapshot.state == Snapshot.State.READY, snapshot and snapshot.reason
    return snapshot


def test_a_recipe_gets_its_paths_and_can_be_read(project: Project) -> None:
    demonstration(project, "Yes.")
    model = build.model(project)
    folder = prepared(build.run(project, kind="sft", start_from=model, recipe={"lr": 0.5}))
    recipe = read_recipe(read_jsonl_of(folder / "recipe.json"))
    assert (recipe.kind, recipe.model, recipe.lr) == ("sft", model.path, 0.5)  # type: ignore[union-attr]


def read_jsonl_of(path: Path) -> dict[str, Any]:
    import json

    return dict(json.loads(path.read_text()))


def test_sft_learns_from_demonstrations_that_are_not_held_out(project: Project) -> None:
    demonstration(project, "Yes.")
    demonstration(project, "Never seen.", held_out=True)
    demonstration(make.project(), "Of another project.")
    folder = prepared(build.run(project, kind="sft", start_from=build.model(project)))
    assert [row["completion"] for row in read_jsonl(folder / "demonstrations.jsonl")] == ["Yes."]


def test_sft_does_not_learn_from_what_its_writer_took_back(project: Project) -> None:
    demonstration(project, "Yes.")
    taken_back = demonstration(project, "No.")
    Demonstration.objects.filter(pk=taken_back.pk).update(superseded_at=make.NOW)
    folder = prepared(build.run(project, kind="sft", start_from=build.model(project)))
    assert [row["completion"] for row in read_jsonl(folder / "demonstrations.jsonl")] == ["Yes."]


def test_sft_without_demonstrations_says_so(project: Project) -> None:
    assert (
        refusal(build.run(project, kind="sft", start_from=build.model(project))) == "The project has no demonstrations."
    )


def test_a_model_whose_folder_is_gone_says_so(project: Project) -> None:
    demonstration(project, "Yes.")
    model = build.model(project, name="r1-sft")
    (Path(model.path) / "config.json").unlink()
    assert "folder of the model r1-sft is missing" in refusal(build.run(project, kind="sft", start_from=model))


def judged(project: Project) -> Snapshot:
    """A comparison judged +2 by a rater of panel 0 and tied by one of panel 1; and a held-out one: both say -1."""
    first, second = make.rater(project), make.rater(project)
    make.batch(project, overlap=2, split_panels=True)
    make.judgment(first, project, preference=2)
    make.judgment(second, project, preference=0)
    make.batch(project, overlap=2, split_panels=True, held_out=True)
    make.judgment(first, project, preference=-1)
    make.judgment(second, project, preference=-1)
    return frozen(project)


def reward_run(project: Project, snapshot: Snapshot, panel: int | None) -> Run:
    model, name = build.model(project), f"rm-{panel}"
    return build.run(project, kind="reward", name=name, start_from=model, snapshot=snapshot, inputs={"panel": panel})


@pytest.mark.parametrize(("panel", "soft_label"), [(None, 0.75), (0, 1.0), (1, 0.5)])
def test_a_soft_label_is_the_mean_of_the_panels_judgments(
    project: Project, panel: int | None, soft_label: float
) -> None:
    folder = prepared(reward_run(project, judged(project), panel))
    (pair,) = read_rows(folder / "pairs.train.jsonl", Pair)
    assert (pair.soft_label, pair.weight) == (soft_label, 1.0)


def test_held_out_pairs_are_for_testing_only(project: Project) -> None:
    folder = prepared(reward_run(project, judged(project), None))
    (train,) = read_rows(folder / "pairs.train.jsonl", Pair)
    (test,) = read_rows(folder / "pairs.test.jsonl", Pair)
    assert test.soft_label == 0.0 and test.id != train.id


def test_a_snapshot_that_is_not_ready_says_so(project: Project) -> None:
    snapshot = Snapshot.objects.create(project=project, name="later")
    assert "later" in refusal(reward_run(project, snapshot, None))


def test_a_panel_without_judgments_says_so(project: Project) -> None:
    make.batch(project)
    rater = make.rater(project)
    make.judgment(rater, project)
    empty = 1 - rater.standings.get().panel
    assert f"no judgments of panel {empty}" in refusal(reward_run(project, frozen(project), empty))


def test_a_reward_model_without_held_out_pairs_says_so(project: Project) -> None:
    make.batch(project)
    make.judgment(make.rater(project), project)
    assert "no judgments on held-out prompts" in refusal(reward_run(project, frozen(project), None))


def test_dpo_does_without_held_out_pairs(project: Project) -> None:
    make.batch(project)
    make.judgment(make.rater(project), project)
    run = build.run(project, kind="dpo", start_from=build.model(project), snapshot=frozen(project))
    folder = prepared(run)
    assert not (folder / "pairs.test.jsonl").exists() and len(read_rows(folder / "pairs.train.jsonl", Pair)) == 1


def test_ppo_trains_on_the_projects_prompts_that_are_not_held_out(project: Project) -> None:
    kept = make.prompt(project, held_out=False)
    make.prompt(project, held_out=True)
    policy, reward = build.model(project), build.model(project, kind=ModelVersion.Kind.REWARD)
    inputs = {"reference": policy.pk, "reward_model": reward.pk, "audit_model": None}
    folder = prepared(build.run(project, kind="ppo", start_from=policy, inputs=inputs))
    assert [row.id for row in read_rows(folder / "prompts.jsonl", PromptRow)] == [str(kept.pk)]
    recipe = read_jsonl_of(folder / "recipe.json")
    assert (recipe["reward_model"], recipe["audit_model"]) == (reward.path, None)


def generated(project: Project) -> Run:
    run = actions.queue_generation(
        project,
        name="g1",
        model=build.model(project),
        prompts=[make.prompt(project, "Why?", held_out=True)],
        samples=1,
        temperature=1.0,
        seed=1,
        max_new_tokens=8,
        purpose="evaluation",
    )
    assert actions.claim_next_run(now=make.now()) == run
    folder = prepared(run)
    (prompt,) = read_rows(folder / "prompts.jsonl", PromptRow)
    response = ResponseRow(prompt_id=prompt.id, sample=3, text="So.", finished=False, tokens=2, logprob=-1.0)
    write_jsonl(folder / "responses.jsonl", [response])
    return run


def test_scoring_takes_the_responses_of_a_generation(project: Project) -> None:
    source = generated(project)
    actions.finish_run(source, token=1, outcome=build.outcome(), now=make.now())
    reward = build.model(project, kind=ModelVersion.Kind.REWARD)
    inputs = {"responses_from": source.pk, "reward_models": {"proxy": reward.pk}}
    folder = prepared(build.run(project, kind="score", inputs=inputs))
    (row,) = read_rows(folder / "responses.jsonl", ScoreRequest)
    prompt = source.generation.prompts.get()
    assert (row.id, row.text, row.messages) == (f"{prompt.pk}-3", "So.", prompt.messages)
    assert row.finished is False, "a response that was cut off is scored as one"
    assert read_jsonl_of(folder / "recipe.json")["reward_models"] == {"proxy": reward.path}


def test_scoring_a_generation_that_is_not_done_says_so(project: Project) -> None:
    reward = build.model(project, kind=ModelVersion.Kind.REWARD)
    inputs = {"responses_from": generated(project).pk, "reward_models": {"proxy": reward.pk}}
    assert refusal(build.run(project, kind="score", inputs=inputs)) == "The run g1 has no responses: it is running."


def test_what_an_earlier_attempt_left_is_cleared_away(project: Project) -> None:
    run = build.run(project)
    folder = run_folder(run)
    folder.mkdir(parents=True)
    for left in ("outcome.json", "metrics.jsonl"):
        (folder / left).write_text("left")
    prepared(run)
    assert sorted(path.name for path in folder.iterdir()) == ["recipe.json", "texts.jsonl"]


def test_a_long_preparation_says_that_it_lives(project: Project) -> None:
    beats: list[int] = []
    make.prompt(project, held_out=False)
    policy, reward = build.model(project), build.model(project, kind=ModelVersion.Kind.REWARD)
    inputs = {"reference": policy.pk, "reward_model": reward.pk}
    actions.prepare_run(build.run(project, kind="ppo", start_from=policy, inputs=inputs), alive=lambda: beats.append(1))
    assert beats
