"""Grade the policy's answers to the probes; what failed becomes a finding, and a prompt of the next round."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotation.actions import NewPrompt, add_prompts
from evaluation import queries
from evaluation.models import Finding, Round
from evaluation.probes import grade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.models import Probe


@dataclass(frozen=True, slots=True)
class Probing:
    """How many probes were asked and failed, and how many of the failed ones are new prompts."""

    asked: int
    failed: int
    new_prompts: int


def find_failures(round: Round) -> Probing:
    """A finding for each probe of which too many answers fail. Its conversation becomes a prompt, never held out."""
    answers: dict[int, list[str]] = defaultdict(list)
    for probe_id, text in queries.samples_of(round, "probes"):
        answers[probe_id].append(text)
    tolerance = queries.config_of(round).limit("probe_tolerance")
    probes = queries.probes_of(round)
    failed = new = 0
    for probe in probes:
        evidence = _failure(probe, answers[probe.pk], tolerance=tolerance)
        if evidence is not None:
            failed += 1
            new += _file(round, probe, response=evidence[0], reason=evidence[1])
    return Probing(asked=len(probes), failed=failed, new_prompts=new)


def _failure(probe: Probe, texts: Sequence[str], *, tolerance: float) -> tuple[str, str] | None:
    """The first failing answer and why, if more than the tolerated share of the answers fails."""
    verdicts = [(text, grade(probe.grader, text)) for text in texts]
    bad = [(text, verdict) for text, verdict in verdicts if not verdict.passed]
    if not bad or len(bad) <= tolerance * len(texts):
        return None
    text, verdict = bad[0]
    return text, f"{len(bad)} of {len(texts)} answers fail: {verdict.reason}"[:300]


def _file(round: Round, probe: Probe, *, response: str, reason: str) -> bool:
    """Keep the finding, and make its conversation a prompt of the project. Whether the prompt is new."""
    known = set(round.project.prompts.values_list("pk", flat=True))
    wanted = NewPrompt(
        messages=probe.messages, tags=("probe", probe.key), source=f"probes: {probe.suite}", held_out=False
    )
    prompt = add_prompts(round.project, conversations=[wanted])[0]
    Finding.objects.get_or_create(
        round=round,
        probe=probe,
        defaults={
            "model": queries.policy_of(round),
            "response": response,
            "reason": reason,
            "prompt": prompt,
        },
    )
    return prompt.pk not in known
