"""Does what the last turn says: `python -m tests.training.learners.converse <folder>`. Loads nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])


def tell(**record: Any) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def said(asked: str, *texts: str) -> None:
    tell(id=asked, texts=list(texts), finished=[True] * len(texts), tokens=[3] * len(texts))


def answer(request: dict[str, Any]) -> None:
    turn = request["messages"][-1]["content"].replace(" ", "_")
    {f.__name__: f for f in (hang, shrug, die, die_once, garbage, flood, one, same, too_long, refuse, stale, slow)}.get(
        turn, chat
    )(request)


def chat(request: dict[str, Any]) -> None:
    turn = request["messages"][-1]["content"]
    said(request["id"], *(f"{turn} {seed}" for seed in request["seeds"]))


def hang(_request: dict[str, Any]) -> None:
    time.sleep(60)


def shrug(request: dict[str, Any]) -> None:
    """Does not listen to SIGTERM, and has a child that would go on."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (FOLDER / "child.txt").write_text(str(child.pid))
    hang(request)


def die(_request: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(request: dict[str, Any]) -> None:
    once = FOLDER / "died"
    if not once.exists():
        once.touch()
        die(request)
    chat(request)


def garbage(_request: dict[str, Any]) -> None:
    sys.stdout.write("Loading checkpoint shards: 100%\n")
    sys.stdout.flush()


def flood(_request: dict[str, Any]) -> None:
    sys.stdout.write("x" * 5_000_000)
    sys.stdout.flush()


def one(request: dict[str, Any]) -> None:
    said(request["id"], "Only one.")


def same(request: dict[str, Any]) -> None:
    said(request["id"], "The same.", "The same.")


def too_long(request: dict[str, Any]) -> None:
    tell(id=request["id"], refused="too long")


def refuse(request: dict[str, Any]) -> None:
    tell(id=request["id"], refused="secret-policy: the chat template cannot be used")


def stale(request: dict[str, Any]) -> None:
    """First the answer to a turn that was given up."""
    said("0-0", "Of another", "turn.")
    chat(request)


def slow(request: dict[str, Any]) -> None:
    time.sleep(1.5)
    chat(request)


if __name__ == "__main__":
    with (FOLDER / "pids.txt").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    if (FOLDER / "refuse").exists():
        tell(refused="secret-policy: it has no .safetensors weights")
        raise SystemExit(2)
    if (FOLDER / "never").exists():
        time.sleep(60)
    tell(digest="0" * 64, room=256)
    for line in sys.stdin:
        answer(json.loads(line))
