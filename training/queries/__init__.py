"""Questions about runs and models: what they said, what they left, and what they came from."""

from training.queries.files import (
    first_responses,
    predictions_of,
    responses_of,
    run_folder,
    score_id,
    scores_of,
)
from training.queries.lineage import Lineage, lineage_of
from training.queries.pages import RunLive, RunPage, models_in, newest_policy, run_live, run_page, runs_in, runs_of

__all__ = [
    "Lineage",
    "RunLive",
    "RunPage",
    "first_responses",
    "lineage_of",
    "models_in",
    "newest_policy",
    "predictions_of",
    "responses_of",
    "run_folder",
    "run_live",
    "run_page",
    "runs_in",
    "runs_of",
    "score_id",
    "scores_of",
]
