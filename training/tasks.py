"""The bells of the gpu and generate workers. They carry nothing: the rows say what there is to do."""

from __future__ import annotations

from celery import shared_task
from celery.worker import state

from training import live, supervise


def _worker_is_stopping() -> bool:
    """Whether the worker was told to shut down. Its exit status counts, and 0 is one."""
    return any(flag is not None and flag is not False for flag in (state.should_stop, state.should_terminate))


# The one thing a worker remembers from bell to bell: which model is loaded, in which child of its.
host = live.Host(told_to_stop=_worker_is_stopping)


@shared_task(name="training.work")  # type: ignore[untyped-decorator]  # Celery ships no types
def work() -> None:
    """Attend runs until none is left. Rung too often it finds nothing; never rung, beat rings again."""
    supervise.work(supervise.Post(told_to_stop=_worker_is_stopping))


@shared_task(name="training.converse")  # type: ignore[untyped-decorator]
def converse() -> None:
    """Answer the turns of live conversations until none waits. Safe to ring at any time, like the other."""
    host.answer_all()
