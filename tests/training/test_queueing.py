"""A run is asked for once, and refused in words when it could never work."""

from __future__ import annotations

from typing import Any

import pytest

from raters.models import AuditEntry, Project, User
from snapshots.models import Snapshot
from tests import make
from tests.training import build
from training import actions
from training.models import ModelVersion, Run


def refusal(project: Project, **asked: Any) -> str:
    with pytest.raises(actions.RefusedRecipe) as refused:
        actions.queue_run(project, **{"name": "r1", "recipe": {}, **asked})
    return str(refused.value)


def test_a_run_keeps_the_defaults_of_the_day_it_was_asked_for(project: Project) -> None:
    run = build.run(project, recipe={"steps": 7})
    assert run.recipe["steps"] == 7 and run.recipe["hidden"] == 128


def test_a_recipe_holds_no_paths(project: Project) -> None:
    run = build.run(project, kind="sft", start_from=build.model(project))
    assert "model" not in run.recipe and "kind" not in run.recipe


def test_a_path_in_a_recipe_is_refused(project: Project) -> None:
    assert "names no paths" in refusal(project, kind="sft", recipe={"model": "/etc"}, start_from=build.model(project))


def test_asked_twice_it_is_one_run(project: Project) -> None:
    text = build.texts()
    first, second = (build.run(project, name="r1", inputs={"texts": text}) for _ in range(2))
    assert first == second and Run.objects.count() == 1


def test_one_name_cannot_mean_two_things(project: Project) -> None:
    build.run(project, name="r1", recipe={"steps": 7})
    assert "with another recipe" in refusal(project, kind="base", recipe={"steps": 8}, inputs=Run.objects.get().inputs)


def test_asking_is_written_down(project: Project, emil: User) -> None:
    build.run(project, name="r1", by=emil)
    assert AuditEntry.objects.filter(actor=emil, action="run.queued", subject="r1").count() == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kind": "magic"}, "kind='magic': use one of base, sft"),
        ({"kind": "base", "recipe": {"steps": 0}}, "steps=0: use a number"),
        ({"kind": "base", "recipe": {"stpes": 1}}, "stpes is not a field"),
        ({"kind": "base", "inputs": {}}, "needs texts"),
        ({"kind": "base", "name": ""}, "1 to 64 characters"),
        ({"kind": "base", "time_limit": 0}, "time_limit=0"),
        ({"kind": "sft"}, "needs a model to start from"),
        ({"kind": "score", "inputs": {}}, "at least one of reward_models"),
        ({"kind": "score", "inputs": {"policy": 99}}, "there is no such model"),
    ],
)
def test_what_could_never_work_is_refused(project: Project, asked: dict[str, Any], says: str) -> None:
    assert says in refusal(project, **asked)


def test_a_reward_run_needs_a_snapshot(project: Project) -> None:
    assert "snapshot" in refusal(project, kind="reward", start_from=build.model(project))


def test_a_panel_is_one_of_two(project: Project) -> None:
    snapshot = Snapshot.objects.create(project=project, name="s")
    model = build.model(project)
    assert "panel=2" in refusal(project, kind="reward", start_from=model, snapshot=snapshot, inputs={"panel": 2})


def test_ppo_needs_a_reward_model_that_is_one(project: Project) -> None:
    policy = build.model(project)
    inputs = {"reference": policy.pk, "reward_model": policy.pk}
    assert "is of kind policy" in refusal(project, kind="ppo", start_from=policy, inputs=inputs)


def test_a_model_of_another_project_does_not_exist(project: Project) -> None:
    other = make.project()
    strange = build.model(other)
    policy = build.model(project)
    reward = build.model(other, kind=ModelVersion.Kind.REWARD)
    assert "not of this project" in refusal(project, kind="sft", start_from=strange)
    inputs = {"reference": policy.pk, "reward_model": reward.pk}
    assert "there is no such model" in refusal(project, kind="ppo", start_from=policy, inputs=inputs)


def test_a_models_name_is_not_taken_twice(project: Project) -> None:
    build.model(project, name="r1")
    assert "has that name already" in refusal(project, kind="base", inputs={"texts": build.texts()})


def asked(project: Project, **more: Any) -> Run:
    return actions.queue_generation(
        project,
        **{
            "name": "g1",
            "model": build.model(project),
            "prompts": [make.prompt(project), make.prompt(project)],
            "samples": 2,
            "temperature": 0.7,
            "seed": 1,
            "max_new_tokens": 8,
            "purpose": "candidates",
            **more,
        },
    )


def test_a_generation_knows_its_prompts_and_its_model(project: Project) -> None:
    model = build.model(project)
    run = asked(project, model=model)
    assert run.start_from == run.generation.model == model
    assert run.generation.prompts.count() == 2 and run.recipe["temperature"] == 0.7


def test_a_generation_asked_twice_is_one(project: Project) -> None:
    model, prompts = build.model(project), [make.prompt(project)]
    first, second = (asked(project, model=model, prompts=prompts) for _ in range(2))
    assert first == second and second.generation.prompts.count() == 1


@pytest.mark.parametrize("wrong", [{"prompts": []}, {"samples": 0}, {"temperature": 9.0}])
def test_a_generation_of_nothing_is_refused(project: Project, wrong: dict[str, Any]) -> None:
    with pytest.raises(actions.RefusedRecipe):
        asked(project, **wrong)


def test_prompts_of_another_project_are_refused(project: Project) -> None:
    with pytest.raises(actions.RefusedRecipe, match="of this project"):
        asked(project, prompts=[make.prompt(make.project())])
