"""The verbs of annotation: collecting work, lending it, judging, labelling."""

from annotation.actions.collecting import (
    AlreadyJudged,
    BadPair,
    NotEnoughPanels,
    UnknownPrompt,
    close_batch,
    close_finished_batches,
    mark_gold,
    open_batch,
    store_responses,
)
from annotation.actions.importing import (
    BadLines,
    Imported,
    add_prompts,
    import_demonstrations,
    import_prompts,
)
from annotation.actions.judging import (
    Answer,
    ForeignRule,
    KeyReused,
    NothingToUndo,
    TooLate,
    submit_judgment,
    undo_judgment,
)
from annotation.actions.labelling import JudgedItThemselves, adjudicate, fold_labels
from annotation.actions.lending import (
    AlreadyEnded,
    MustReadFirst,
    NothingLeft,
    Paused,
    lend_next,
    skip,
)
from annotation.actions.rendering import enqueue_renderings, render_due, rerender
from annotation.importers.prompts import NewPrompt

__all__ = [
    "AlreadyEnded",
    "AlreadyJudged",
    "Answer",
    "BadLines",
    "BadPair",
    "ForeignRule",
    "Imported",
    "JudgedItThemselves",
    "KeyReused",
    "MustReadFirst",
    "NewPrompt",
    "NotEnoughPanels",
    "NothingLeft",
    "NothingToUndo",
    "Paused",
    "TooLate",
    "UnknownPrompt",
    "add_prompts",
    "adjudicate",
    "close_batch",
    "close_finished_batches",
    "enqueue_renderings",
    "fold_labels",
    "import_demonstrations",
    "import_prompts",
    "lend_next",
    "mark_gold",
    "open_batch",
    "render_due",
    "rerender",
    "skip",
    "store_responses",
    "submit_judgment",
    "undo_judgment",
]
