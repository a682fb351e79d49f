"""Rendering in a process apart, which may take its time and its memory up to a limit, and is ended when it wants more.

    python -m annotation.rendering.apart <seconds of computing for each text> <bytes of memory>

The child reads a JSON string a line, and answers each with a line: {"html": …} or {"reason": …}. It inherits no secret,
opens no file after its imports, and ends with its parent. One child serves many texts; starting one takes a third of a
second.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import IO, Self

SECONDS = 2.0
PATIENCE = 5  # a busy machine needs longer for the same work
START_SECONDS = 30.0
MEMORY = 512 * 2**20
ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = 65_536


class Rendered(NamedTuple):
    """`html` is safe for a page; when it is empty the text is shown as it is, and `reason` says why."""

    html: str
    reason: str


class Apart:
    """A child to send texts to, replaced when one of them was too much for it.

    with Apart() as apart:
        apart.render("**text**").html
    """

    def __init__(self, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        """`seconds` of computing for each text, `memory` in bytes for the whole child."""
        self._seconds, self._memory = seconds, memory
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def render(self, text: str) -> Rendered:
        """The text as safe HTML, or why not. Waits five times the limit at most, and for a start when one is due."""
        child = self._ready()
        assert child.stdin is not None and child.stdout is not None  # noqa: S101  both were asked for
        try:
            child.stdin.write(json.dumps(text).encode() + b"\n")
            child.stdin.flush()
            line = _line(child.stdout, within=PATIENCE * self._seconds)
        except BrokenPipeError:
            line = b""
        if not line:
            status = child.wait() if line is not None else None
            self.end()
            late = status in (None, -signal.SIGPROF)
            return Rendered("", "took too long" if late else "needed too much")
        answer = json.loads(line)
        return Rendered(answer.get("html", ""), answer.get("reason", ""))

    def end(self) -> None:
        """End the child, whatever it does."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was not sent any more
                    pipe.close()
        child.wait()

    def _ready(self) -> subprocess.Popen[bytes]:
        """The child, started and warm. Raises RuntimeError when none can be started: then no text is to blame."""
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.end()
        self._child = child = subprocess.Popen(
            [sys.executable, "-m", "annotation.rendering.apart", str(self._seconds), str(self._memory)],
            cwd=ROOT,
            env={name: os.environ[name] for name in ("PATH", "LANG", "TZ", "VIRTUAL_ENV") if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None  # noqa: S101  it was asked for
        if not _line(child.stdout, within=START_SECONDS):
            self.end()
            raise RuntimeError("The process that renders texts does not start.")
        return child


def _line(pipe: IO[bytes], *, within: float) -> bytes | None:
    """The next line; nothing when the other side ended, None when it does not come in time."""
    deadline, pieces = time.monotonic() + within, list[bytes]()
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            return None
        piece = os.read(pipe.fileno(), BLOCK)
        if not piece:
            return b""
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return b"".join(pieces)
    return None


def main(arguments: list[str]) -> None:
    """Answer until there are no more texts."""
    seconds, memory = float(arguments[0]), int(arguments[1])
    # imported before the limits, which are for the texts
    from annotation.rendering.markup import NotRendered, render

    render("```python\nx = 1\n```\n$x$")
    _limit(memory)
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    for line in sys.stdin.buffer:
        with _alarm(seconds):
            try:
                answer = {"html": render(json.loads(line))}
            except NotRendered as refusal:
                answer = {"reason": str(refusal)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """The kernel ends this process when it has computed so long, even if the parent is gone and no Python runs."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
