"""Answer the turns of live conversations for as long as somebody asks: the model is loaded once.

    python -m training.learn.converse <model folder>

reads   lines on stdin (TurnRequest): a conversation, and a seed for each answer that is wanted
writes  lines on stdout: Ready first, with the digest of what was loaded; then a TurnAnswer to each request

Ends when stdin does. Exit 0 then, 2 when the model cannot be loaded (Ready says why), 143 after SIGTERM. Whatever else
prints, prints to stderr.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

import torch

from training.learn import running
from training.learn.loading import load_policy, load_tokenizer, prompt_ids, room_of
from training.learn.sampling import Sampling, sample
from training.records import (
    TOO_LONG,
    BadRecord,
    Ready,
    TurnAnswer,
    TurnRequest,
    digest_of,
    read_line,
    written_line,
)

LEAST_TOKENS = 16  # an answer with less room than this would be cut off in its first sentence


@dataclass(frozen=True, slots=True)
class Voice:
    """A policy that is loaded."""

    model: Any
    tokenizer: Any
    device: torch.device

    def answer(self, request: TurnRequest) -> TurnAnswer:
        """Each answer is sampled alone, so that its seed is all it takes to sample it again. Raises BadRecord."""
        started = time.monotonic()
        asked = prompt_ids(self.tokenizer, [request.messages])[0]
        length = min(request.max_new_tokens, room_of(self.model) - len(asked))
        if length < LEAST_TOKENS:
            return TurnAnswer(id=request.id, refused=TOO_LONG)
        how = Sampling(
            max_new_tokens=length,
            end=self.tokenizer.eos_token_id,
            pad=self.tokenizer.pad_token_id,
            temperature=request.temperature,
        )
        drawn = [
            sample(self.model, [asked], how=how, generator=torch.Generator(device=self.device).manual_seed(seed))[0]
            for seed in request.seeds
        ]
        return TurnAnswer(
            id=request.id,
            texts=self.tokenizer.batch_decode([each.ids for each in drawn], skip_special_tokens=True),
            finished=[each.finished for each in drawn],
            tokens=[len(each.ids) for each in drawn],
            seconds=round(time.monotonic() - started, 3),
        )


def load(folder: Path) -> Voice:
    """The policy of a folder, ready to answer: its first sample is drawn here, since it takes longest."""
    torch.set_num_threads(running.threads())
    device = running.device()
    tokenizer = load_tokenizer(folder)
    voice = Voice(load_policy(folder, device=device), tokenizer, device)
    voice.answer(TurnRequest(id="warm", messages=[{"role": "user", "content": "Hello."}], seeds=[0], max_new_tokens=16))
    return voice


def serve(folder: Path, *, asked: IO[bytes], told: IO[bytes]) -> int:
    """Load, say so, and answer until nobody asks any more. Returns the exit code."""
    try:
        voice = load(folder)
    except BadRecord as refusal:
        _tell(told, Ready(refused=str(refusal)))
        return 2
    _tell(told, Ready(digest=digest_of(folder), room=room_of(voice.model)))
    for line in asked:
        request = read_line(TurnRequest, line)
        try:
            answer = voice.answer(request)
        except BadRecord as refusal:
            answer = TurnAnswer(id=request.id, refused=str(refusal))
        _tell(told, answer)
    return 0


def _tell(told: IO[bytes], record: Ready | TurnAnswer) -> None:
    told.write(written_line(record))
    told.flush()


def _stdout_for_us_alone() -> IO[bytes]:
    """The pipe to the worker; what libraries print goes to stderr, where it breaks no line."""
    ours = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return ours


def main(argv: list[str] | None = None) -> int:
    """Serve the folder named on the command line."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m training.learn.converse <model folder>\n")
        return 2
    signal.signal(signal.SIGTERM, _end)
    with _stdout_for_us_alone() as told:
        return serve(Path(arguments[0]).resolve(), asked=sys.stdin.buffer, told=told)


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)


if __name__ == "__main__":
    raise SystemExit(main())
