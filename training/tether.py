"""Run a command that ends when its parent does, however the parent ends.

    python -m training.tether <pid of the parent> <command> <argument>...

A worker that is killed with SIGKILL cannot end its learner, and a learner left alone would go on for hours beside the
one that a new worker starts. So the kernel ends it. Asked for here, after the fork, since code between fork and exec is
not safe in a process that has threads; the request survives the exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before we asked: the signal would never come.
        raise SystemExit(1)
    os.execv(command[0], command)  # noqa: S606  (the worker's own command line: no shell, nothing of a stranger's)


if __name__ == "__main__":
    main(sys.argv[1:])
