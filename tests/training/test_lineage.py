"""A model can say what it comes from, down to the judgments and the guideline."""

from __future__ import annotations

from typing import Any

from raters.models import Project
from snapshots.models import Snapshot
from tests.training import build
from training.models import ModelVersion, Run
from training.queries import lineage_of


def snapshot(project: Project, name: str, judgments: int) -> Snapshot:
    manifest = {
        "counts": {"judgments": judgments, "raters": 3},
        "guidelines": [{"guideline": "Helpfulness", "version": "1.0", "sha256": ""}],
    }
    return Snapshot.objects.create(project=project, name=name, state="ready", sha256="5" * 64, manifest=manifest)


def made(
    project: Project, name: str, *, kind: str = "policy", parent: ModelVersion | None = None, **run: Any
) -> ModelVersion:
    by = Run.objects.create(project=project, name=name, start_from=parent, **run)
    return build.model(project, kind=kind, name=name, parent=parent, run=by)


def policy_of_two_rounds(project: Project) -> ModelVersion:
    sft = made(project, "sft", kind="policy", parent=made(project, "base", kind="base"))
    policy = sft
    for number in (1, 2):
        cut = snapshot(project, f"prefs@r{number}", judgments=100 * number)
        reward = made(project, f"r{number}-rm", kind="reward", parent=sft, snapshot=cut)
        audit = made(project, f"r{number}-rm-audit", kind="reward", parent=sft, snapshot=cut)
        inputs = {"reference": sft.pk, "reward_model": reward.pk, "audit_model": audit.pk}
        policy = made(project, f"r{number}-ppo", parent=policy, kind="policy", inputs=inputs)
    return policy


def test_the_parents_are_the_models_it_was_started_from(project: Project) -> None:
    lineage = lineage_of(policy_of_two_rounds(project))
    assert [parent.name for parent in lineage.parents] == ["r1-ppo", "sft", "base"]


def test_the_reward_models_are_ancestors_and_the_audits_are_not(project: Project) -> None:
    names = {model.name for model in lineage_of(policy_of_two_rounds(project)).models}
    assert names == {"base", "sft", "r1-rm", "r1-ppo", "r2-rm"}


def test_it_names_the_data_and_the_guidelines(project: Project) -> None:
    lineage = lineage_of(policy_of_two_rounds(project))
    assert [(data.name, data.sha256, data.judgments) for data in lineage.snapshots] == [
        ("prefs@r2", "5" * 64, 200),
        ("prefs@r1", "5" * 64, 100),
    ]
    assert (lineage.guideline_versions, lineage.judgments, lineage.raters) == (("Helpfulness 1.0",), 200, 3)


def test_it_costs_two_queries_however_long_the_chain_is(project: Project, django_assert_num_queries: Any) -> None:
    policy = policy_of_two_rounds(project)
    with django_assert_num_queries(2):
        lineage_of(policy)


def test_a_model_from_nowhere_has_no_ancestors(project: Project) -> None:
    lineage = lineage_of(build.model(project))
    assert not any([lineage.parents, lineage.models, lineage.runs, lineage.snapshots])
