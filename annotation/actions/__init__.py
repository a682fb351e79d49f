"""The verbs of annotation: collecting work, lending it, judging, labelling."""

from annotation.actions.answering import AnswerFrozen, answer_task, revise_task, undo_task
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
from annotation.actions.tasks import (
    BadTask,
    NeedsOptIn,
    lend_task,
    open_task_batch,
    save_task_draft,
    skip_task,
)
from annotation.importers.prompts import NewPrompt

__all__ = [
    "AlreadyEnded",
    "AlreadyJudged",
    "Answer",
    "AnswerFrozen",
    "BadLines",
    "BadPair",
    "BadTask",
    "ForeignRule",
    "Imported",
    "JudgedItThemselves",
    "KeyReused",
    "MustReadFirst",
    "NeedsOptIn",
    "NewPrompt",
    "NotEnoughPanels",
    "NothingLeft",
    "NothingToUndo",
    "Paused",
    "TooLate",
    "UnknownPrompt",
    "add_prompts",
    "adjudicate",
    "answer_task",
    "close_batch",
    "close_finished_batches",
    "fold_labels",
    "import_demonstrations",
    "import_prompts",
    "lend_next",
    "lend_task",
    "mark_gold",
    "open_batch",
    "open_task_batch",
    "revise_task",
    "save_task_draft",
    "skip",
    "skip_task",
    "store_responses",
    "submit_judgment",
    "undo_judgment",
    "undo_task",
]
