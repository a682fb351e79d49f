"""What was judged: prompts, responses, comparisons and other work, and what raters said of them."""

from annotation.models.comparing import Assignment, Comparison, Judgment, Seat, Slot, Withdrawal
from annotation.models.labels import Adjudication, Label
from annotation.models.live import Conversation, Exchange
from annotation.models.rendering import Rendering
from annotation.models.tasks import Task, TaskAnswer, TaskAssignment, TaskResponse, TaskWithdrawal
from annotation.models.work import Asking, Batch, Demonstration, Prompt, Response

__all__ = [
    "Adjudication",
    "Asking",
    "Assignment",
    "Batch",
    "Comparison",
    "Conversation",
    "Demonstration",
    "Exchange",
    "Judgment",
    "Label",
    "Prompt",
    "Rendering",
    "Response",
    "Seat",
    "Slot",
    "Task",
    "TaskAnswer",
    "TaskAssignment",
    "TaskResponse",
    "TaskWithdrawal",
    "Withdrawal",
]
