"""Questions about rounds: what was asked, what was answered, how it was scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotation.models import Prompt
from evaluation.hacking import Sample
from evaluation.models import Alert, Probe, Round
from evaluation.plan import RoundConfig
from guidelines.models import Guideline
from training.models import Run
from training.queries import responses_of, score_id, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from raters.models import Project
    from training.models import ModelVersion
    from training.records import ResponseRow, ScoreRow

OVER = (Round.State.DONE, Round.State.FAILED)
GUIDELINE, SUITE = "guideline", "suite_id"  # what `config` and `results` keep beside settings and figures
SETS = ("sft", "policy", "sft-t03")
HARMFUL = ("harm", "harmful")  # tags of prompts that ought to be refused


class NotEvaluated(LookupError):
    """The round has not generated this set of answers."""


def round_of(project: Project, number: int) -> Round | None:
    """The project's round of this number."""
    rounds = Round.objects.filter(project=project, number=number)
    return rounds.select_related("reference", "start", "policy", "batch__guideline", "snapshot").first()


def alerts_in(project: Project) -> QuerySet[Alert]:
    """Every alert of the project's rounds, newest first."""
    return Alert.objects.filter(round__project=project).select_related("round").order_by("-created_at", "-pk")


def config_of(round: Round) -> RoundConfig:
    """The settings the round was started with."""
    return RoundConfig.from_json({name: value for name, value in round.config.items() if name != GUIDELINE})


def guideline_of(round: Round) -> Guideline:
    """The guideline the round's comparisons are judged under."""
    return Guideline.objects.get(pk=round.config[GUIDELINE])


def policy_of(round: Round) -> ModelVersion:
    """The policy the round made. Raises NotEvaluated before there is one."""
    if round.policy is None:
        raise NotEvaluated(f"{round} has not made a policy yet.")
    return round.policy


def start_of_next(project: Project) -> ModelVersion | None:
    """Where the next round starts: the newest policy that passed every gate, else the newest round's reference."""
    rounds = Round.objects.filter(project=project)
    passed = rounds.filter(state=Round.State.DONE, policy__isnull=False).exclude(gates__passed=False)
    best = passed.select_related("policy").first()
    if best is not None:
        return best.policy
    newest = rounds.select_related("reference").first()
    return newest.reference if newest else None


def probes_of(round: Round) -> list[Probe]:
    """The probes of the suite that the round named, as they were when it started."""
    return list(Probe.objects.filter(suite=round.results.get(SUITE)).order_by("pk"))


def asked_as(probe: Probe) -> str:
    """The id under which a run is asked a probe: below zero, where no prompt's id can be taken for it."""
    return str(-probe.pk)


def samples_of(round: Round, set_name: str) -> Iterator[tuple[int, str]]:
    """What was answered in one set: "sft", "policy" or "sft-t03" by prompt id, or "probes" by probe id.

    Raises NotEvaluated when the set is not there (yet).
    """
    for row in responses_of(_run_of(round, f"eval-{set_name}")):
        yield abs(int(row.prompt_id)), row.text


def scored_samples(round: Round, set_name: str) -> list[Sample]:
    """A set's responses to held-out prompts with what both reward models say of them. Raises NotEvaluated."""
    scores = {row.id: row for row in scores_of(_run_of(round, f"score-{set_name}"))}
    harmful = set(
        Prompt.objects.filter(project=round.project_id, tags__overlap=list(HARMFUL)).values_list("pk", flat=True)
    )
    samples = []
    for response in responses_of(_run_of(round, f"eval-{set_name}")):
        row = scores.get(score_id(response))
        if row is None or not {"proxy", "audit"} <= row.scores.keys():
            raise NotEvaluated(f"{round}: a response of {set_name} has no scores.")
        samples.append(_sample(response, row, benign=int(response.prompt_id) not in harmful))
    return samples


def _sample(response: ResponseRow, row: ScoreRow, *, benign: bool) -> Sample:
    kl = None
    if row.logprob is not None and row.reference_logprob is not None:
        kl = row.logprob - row.reference_logprob
    return Sample(
        prompt=int(response.prompt_id),
        text=response.text,
        benign=benign,
        kl=kl,
        proxy=row.scores["proxy"],
        audit=row.scores["audit"],
    )


def _run_of(round: Round, name: str) -> Run:
    run = Run.objects.filter(part_of__round=round, part_of__part=name, state=Run.State.DONE).first()
    if run is None:
        raise NotEvaluated(f"{round} has no finished {name}.")
    return run
