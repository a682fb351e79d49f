"""Start a round, start the next like it, and go on with one that failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction

from annotation.queries import prompts_of_rounds
from evaluation import queries
from evaluation.actions.parts import drop_failed
from evaluation.actions.suites import SuiteChanged, load_suite
from evaluation.models import ProbeSuite, Round
from evaluation.plan import RoundConfig
from evaluation.probes import BadSuite
from guidelines.queries import live_version
from raters.actions import note
from raters.models import Project
from snapshots.models import Snapshot
from training.models import ModelVersion

if TYPE_CHECKING:
    from datetime import datetime

    from guidelines.models import Guideline
    from raters.models import User

SUITES = Path(__file__).resolve().parent.parent / "suites"
FAILED_IN = "failed_in"


class RoundIsRunning(Exception):
    """A project goes round one turn at a time: the next begins from what this one makes."""


class UnusableModel(Exception):
    """A round starts from a language model of its own project."""


class UnusableGuideline(Exception):
    """Raters judge under a guideline of the project that has a version in force."""


class NoPrompts(Exception):
    """A round needs prompts to train on and held-out prompts to be judged by."""


class UnusableSuite(Exception):
    """The probe suite that the round names cannot be used."""


class NotFailed(Exception):
    """Only the project's newest round can be resumed, and only after it failed."""


@transaction.atomic
def start_round(
    project: Project,
    *,
    reference: ModelVersion,
    start: ModelVersion,
    guideline: Guideline,
    config: RoundConfig,
    by: User | None,
    now: datetime,
) -> Round:
    """Begin one turn of the loop: from `start`, held near `reference`, judged under `guideline`.

    Raises RoundIsRunning, UnusableModel, UnusableGuideline, NoPrompts, UnusableSuite; nothing is begun then.
    """
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two clicks must not both find nothing running
    newest = Round.objects.filter(project=project).first()
    if newest is not None and newest.state not in queries.OVER:
        raise RoundIsRunning(f"Round {newest.number} is still going: {newest.get_state_display().lower()}.")
    for model in (reference, start):
        _check_model(project, model)
    _check_guideline(project, guideline)
    _check_prompts(project)
    suite = _suite(config)
    round = Round.objects.create(
        project=project,
        number=newest.number + 1 if newest else 1,
        config={**config.to_json(), queries.GUIDELINE: guideline.pk},
        reference=reference,
        start=start,
        results={"suite": str(suite), queries.SUITE: suite.pk},
        created_by=by,
        started_at=now,
        state_since=now,
    )
    details = {"reference": reference.name, "start": start.name, "guideline": guideline.name}
    note(project, actor=by, action="round.started", subject=round, details=details)
    return round


@transaction.atomic
def start_next_round(project: Project, *, by: User | None, now: datetime) -> Round:
    """Go round again as last time: same reference, guideline and settings, from the newest policy that passed.

    Raises NoPrompts when there is no round to follow, and what `start_round` raises.
    """
    last = Round.objects.filter(project=project).select_related("reference").first()
    if last is None:
        raise NoPrompts("There is no round to follow. Start the first one with its settings.")
    return start_round(
        project,
        reference=last.reference,
        start=queries.start_of_next(project) or last.reference,
        guideline=queries.guideline_of(last),
        config=queries.config_of(last),
        by=by,
        now=now,
    )


@transaction.atomic
def resume_round(round: Round, *, by: User | None, now: datetime) -> Round:
    """Go on where a round failed, once its cause is mended: what failed is asked for anew, the rest stays.

    Raises NotFailed, RoundIsRunning.
    """
    Project.objects.select_for_update(no_key=True).get(pk=round.project_id)
    round = Round.objects.select_for_update(of=("self",)).select_related("snapshot", "project").get(pk=round.pk)
    newest = Round.objects.filter(project=round.project_id).first()
    if newest is not None and newest.pk != round.pk:
        raise NotFailed(f"Round {newest.number} came after it.")
    if round.state != Round.State.FAILED:
        raise NotFailed(f"Round {round.number} has not failed.")
    again = drop_failed(round)
    if round.snapshot is not None and round.snapshot.state == Snapshot.State.FAILED:
        again.append(round.snapshot.name)
        round.snapshot = None
    round.state, round.reason = round.results.pop(FAILED_IN), ""
    round.state_since, round.finished_at = now, None
    round.save(update_fields=["state", "reason", "state_since", "finished_at", "results", "snapshot"])
    note(round.project, actor=by, action="round.resumed", subject=round, details={"again": again})
    return round


def _check_model(project: Project, model: ModelVersion) -> None:
    if model.project_id != project.pk:
        raise UnusableModel(f"{model} belongs to another project.")
    if model.kind == ModelVersion.Kind.REWARD:
        raise UnusableModel(f"{model} is a reward model: it scores responses and cannot write them.")


def _check_guideline(project: Project, guideline: Guideline) -> None:
    if guideline.project_id != project.pk:
        raise UnusableGuideline(f"There is no guideline {guideline.name!r} in this project.")
    if live_version(guideline) is None:
        raise UnusableGuideline(f"{guideline} has no published version. Publish one first.")


def _check_prompts(project: Project) -> None:
    prompts = prompts_of_rounds(project)
    if not prompts.filter(held_out=False).exists():
        raise NoPrompts("The project has no prompts to train on. Import some first.")
    if not prompts.filter(held_out=True).exists():
        raise NoPrompts("The project has no held-out prompts, so nothing could say whether the round helped.")


def _suite(config: RoundConfig) -> ProbeSuite:
    path = SUITES / f"{config.suite}.json"
    if not path.is_file():
        known = ", ".join(sorted(suite.stem for suite in SUITES.glob("*.json"))) or "none"
        raise UnusableSuite(f"There is no probe suite {config.suite!r}; there is: {known}.")
    try:
        return load_suite(path)
    except (BadSuite, SuiteChanged) as refusal:
        raise UnusableSuite(str(refusal)) from refusal
