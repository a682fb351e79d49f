"""Does what the first text of texts.jsonl says: `python -m tests.training.learners.base <folder>`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def report(folder: Path, step: int, total: int = 3) -> None:
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write(json.dumps({"step": step, "total": total, "values": {"loss": 1 / step}}) + "\n")


def end(folder: Path, **outcome: object) -> None:
    (folder / "outcome.json").write_text(json.dumps(outcome))


def make_model(folder: Path) -> None:
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "config.json").write_text("{}")
    (folder / "model" / "model.safetensors").write_bytes(b"weights")


def learn(folder: Path) -> None:
    for step in (1, 2, 3):
        report(folder, step)
    make_model(folder)
    end(folder, state="done", results={"loss": 0.5, "worst": float("inf"), "word": "nul \0 byte \ud83d"}, seconds=0.1)


def tear(folder: Path) -> None:
    report(folder, 1)
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 2, "total": 3, "val\n{"step": -1, "total": 3, "values": {}}\n[]\n')
    report(folder, 3)
    with (folder / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 4, "to')
    make_model(folder)
    end(folder, state="done", results={}, seconds=0.1)


def hang(folder: Path) -> None:
    report(folder, 1)
    (folder / "pid.txt").write_text(str(os.getpid()))
    time.sleep(60)


def dawdle(folder: Path) -> None:
    (folder / "pid.txt").write_text(str(os.getpid()))
    time.sleep(0.5)
    learn(folder)


def abandon(folder: Path) -> None:
    """Ends, and leaves a child behind."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (folder / "child.txt").write_text(str(child.pid))
    learn(folder)


def shrug(folder: Path) -> None:
    """Does not listen to SIGTERM, and has a child that does not either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (folder / "child.txt").write_text(str(child.pid))
    hang(folder)


def die(folder: Path) -> None:
    report(folder, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def crash(folder: Path) -> None:
    raise RuntimeError("the tensors do not fit")


def refuse(folder: Path) -> None:
    end(folder, state="failed", reason="lr=1e9 is too much.", results={}, seconds=0.1)
    raise SystemExit(2)


def vanish(folder: Path) -> None:
    """Says it is done, and left nothing."""
    end(folder, state="done", results={}, seconds=0.1)


def look(folder: Path) -> None:
    """Tells what it can see of the worker's environment."""
    make_model(folder)
    end(folder, state="done", results={"environment": dict(os.environ)}, seconds=0.1)


if __name__ == "__main__":
    run_folder = Path(sys.argv[1])
    what = json.loads((run_folder / "texts.jsonl").read_text().splitlines()[0])["text"]
    {f.__name__: f for f in (learn, tear, hang, dawdle, abandon, shrug, die, crash, refuse, vanish, look)}[what](
        run_folder
    )
