"""The paper that passes between the web side and a learner: recipes, rows, metrics and outcomes. Stdlib only.

A run is a folder. Whoever wants something learnt writes into it

    recipe.json     write_recipe(folder, PpoRecipe(model="/models/a", reference="/models/a", reward_model="/models/rm"))
    the data        write_jsonl(folder / "prompts.jsonl", [PromptRow(id="7", messages=[...]), ...])

and starts `python -m training.learn.<kind> <folder>`. The learner appends to `metrics.jsonl` while it works
(`read_metrics` follows it), puts what it made into `model/` or a `.jsonl` file, and writes `outcome.json` last:
`read_outcome(folder)` is None until then. Exit codes: 0 done; 2 the recipe or its data cannot work, and the
outcome says why in a sentence; 143 ended by SIGTERM, no outcome; anything else is a crash, no outcome.

    kind       reads                                    writes
    base       texts.jsonl (TextRow)                    model/
    sft        demonstrations.jsonl (Demonstration)     model/
    reward     pairs.train.jsonl, pairs.test.jsonl      model/, predictions.jsonl (Prediction)
               (Pair)
    dpo        pairs.train.jsonl, and pairs.test.jsonl  model/
               when there is one (Pair)
    ppo        prompts.jsonl (PromptRow)                model/
    generate   prompts.jsonl (PromptRow)                responses.jsonl (ResponseRow)
    score      responses.jsonl (ScoreRequest)           scores.jsonl (ScoreRow)

`converse` is no run: it loads a policy once, answers lines on stdin with lines on stdout (Ready first, then a
TurnAnswer to each TurnRequest), and ends when stdin does.

Paths inside a recipe are absolute, or relative to the run folder. A `messages` list holds
{"role", "content"} dictionaries and ends with a user turn.
"""

from training.records.checking import (
    ROLES,
    BadRecipe,
    BadRecord,
    BadRow,
    Message,
)
from training.records.folders import (
    METRICS,
    MODEL,
    OUTCOME,
    RECIPE,
    MetricLine,
    Outcome,
    digest_of,
    file_hashes,
    read_metrics,
    read_outcome,
    write_recipe,
)
from training.records.live import (
    TOO_LONG,
    Ready,
    TurnAnswer,
    TurnRequest,
    read_line,
    written_line,
)
from training.records.recipes import (
    RECIPES,
    BaseRecipe,
    DpoRecipe,
    GenerateRecipe,
    PpoRecipe,
    Recipe,
    RewardRecipe,
    ScoreRecipe,
    SftRecipe,
    read_recipe,
    recipe_data,
)
from training.records.rows import (
    Demonstration,
    Pair,
    Prediction,
    PromptRow,
    ResponseRow,
    ScoreRequest,
    ScoreRow,
    TextRow,
    read_jsonl,
    read_rows,
    write_jsonl,
)

__all__ = [
    "BadRecipe",
    "BadRecord",
    "BadRow",
    "BaseRecipe",
    "Demonstration",
    "DpoRecipe",
    "GenerateRecipe",
    "METRICS",
    "MODEL",
    "Message",
    "MetricLine",
    "OUTCOME",
    "Outcome",
    "Pair",
    "PpoRecipe",
    "Prediction",
    "PromptRow",
    "RECIPE",
    "RECIPES",
    "ROLES",
    "Ready",
    "Recipe",
    "ResponseRow",
    "RewardRecipe",
    "ScoreRecipe",
    "ScoreRequest",
    "ScoreRow",
    "SftRecipe",
    "TOO_LONG",
    "TextRow",
    "TurnAnswer",
    "TurnRequest",
    "digest_of",
    "file_hashes",
    "read_jsonl",
    "read_line",
    "read_metrics",
    "read_outcome",
    "read_recipe",
    "read_rows",
    "recipe_data",
    "write_jsonl",
    "write_recipe",
    "written_line",
]
