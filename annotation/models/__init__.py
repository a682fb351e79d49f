"""What was judged: prompts, responses, comparisons and other work, and what raters said of them."""

from annotation.models.comparing import COUNTED, Assignment, Comparison, Judgment, Purpose, Seat, Slot, Withdrawal
from annotation.models.labels import Adjudication, Label
from annotation.models.lending import Bookmark, RoutingRules
from annotation.models.live import Conversation, Exchange
from annotation.models.rendering import Rendering
from annotation.models.tasks import Task, TaskAnswer, TaskAssignment, TaskResponse, TaskWithdrawal
from annotation.models.work import Asking, Batch, Demonstration, Prompt, Response

__all__ = [
    "COUNTED",
    "Adjudication",
    "Asking",
    "Assignment",
    "Batch",
    "Bookmark",
    "Comparison",
    "Conversation",
    "Demonstration",
    "Exchange",
    "Judgment",
    "Label",
    "Prompt",
    "Purpose",
    "Rendering",
    "Response",
    "RoutingRules",
    "Seat",
    "Slot",
    "Task",
    "TaskAnswer",
    "TaskAssignment",
    "TaskResponse",
    "TaskWithdrawal",
    "Withdrawal",
]
