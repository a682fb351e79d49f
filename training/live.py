"""Answer the turns of live conversations: claim one, ask the project's newest policy twice, offer both answers.

A `Host` is what a worker keeps between two bells: the child with the model in its memory. Loading takes seconds and an
answer takes parts of one, so the child stays until a newer policy is there or nobody talks any more. What is asked and
what was answered is in the rows: a host that dies loses nothing but its warmth.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from annotation import actions
from annotation.queries import projects_in_conversation
from training import queries
from training.records import TOO_LONG, TurnAnswer, TurnRequest
from training.resident import NoAnswer, Resident, Unusable

if TYPE_CHECKING:
    from datetime import datetime

    from annotation.models import Exchange
    from training.models import ModelVersion

logger = logging.getLogger(__name__)
LARGEST_SEED = 2**31 - 1
TEMPERATURE = 1.0
# What a rater is told. It names no model and no place.
NO_POLICY = "There is no model to talk to in this project yet. Tell your lead."
NO_MODEL = "The model cannot be used just now. Tell your lead; your conversation is kept."
NO_ROOM = "The conversation has become longer than the model can read. End it and begin another one."


class ToldToGo(Exception):
    """The worker was told to shut down while it was at a turn."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a host waits, in seconds: for a model to load, for two answers, and between two renewals of a claim."""

    load: float = 300.0
    answer: float = 60.0
    renew: float = 5.0
    grace: float = 5.0


@dataclass(slots=True)
class _Loaded:
    """The child, and whose model it has."""

    resident: Resident
    path: str
    digest: str
    used_at: float
    is_ready: bool = False

    def has(self, model: ModelVersion) -> bool:
        """Whether it has this model, or is about to."""
        return (self.path, self.digest) == (model.path, model.digest) and self.resident.lives


@dataclass(slots=True)
class Host:
    """One worker's resident generator. Not for several threads: the child dies with the thread that started it."""

    now: Callable[[], datetime] = timezone.now
    told_to_stop: Callable[[], bool] = lambda: False
    rng: random.Random = field(default_factory=random.Random)
    patience: Patience = field(default_factory=Patience)
    package: str = "training.learn"
    _loaded: _Loaded | None = None
    _unusable: str = ""

    def answer_all(self) -> int:
        """Answer turns until none waits; then load ahead for who is about to write, or let an idle model go.

        Returns how many turns were attended.
        """
        attended = 0
        while not self.told_to_stop():
            exchange = actions.claim_exchange(now=self.now())
            if exchange is None:
                break
            self._attend(exchange)
            attended += 1
        if not self.told_to_stop():
            self._settle()
        return attended

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._loaded.resident.pid if self._loaded and self._loaded.resident.lives else None

    def dismiss(self) -> None:
        """End the child, if there is one."""
        if self._loaded is not None:
            self._loaded.resident.stop(grace=self.patience.grace)
            self._loaded = None

    def _attend(self, exchange: Exchange) -> None:
        """See one claimed turn through, however it ends."""
        token = exchange.token
        try:
            self._answer(exchange, token)
        except actions.LostClaim as lost:
            logger.warning("%s: %s", exchange, lost)
        except ToldToGo:
            actions.put_back_exchange(exchange, token=token, spent=False)
        except NoAnswer as problem:
            logger.warning("%s: %s", exchange, problem)
            self.dismiss()
            self._give_back(exchange, token, for_good=isinstance(problem, Unusable))

    def _give_back(self, exchange: Exchange, token: int, *, for_good: bool) -> None:
        try:
            if for_good:
                actions.fail_exchange(exchange, token=token, reason=NO_MODEL)
            else:
                actions.put_back_exchange(exchange, token=token, spent=True)
        except actions.LostClaim as lost:
            logger.warning("%s: %s", exchange, lost)

    def _answer(self, exchange: Exchange, token: int) -> None:
        """Raises LostClaim, NoAnswer, ToldToGo."""
        model = queries.newest_policy(exchange.conversation.project_id)
        if model is None:
            actions.fail_exchange(exchange, token=token, reason=NO_POLICY)
            return
        alive = self._renewing(exchange, token)
        request = TurnRequest(
            id=f"{exchange.pk}-{token}",
            messages=exchange.prompt.messages,
            seeds=[self.rng.randint(0, LARGEST_SEED) for _ in range(2)],
            temperature=TEMPERATURE,
            max_new_tokens=settings.TARE_LIVE_TOKENS,
        )
        loaded = self._load(model, alive)
        answer = loaded.resident.ask(request, within=self.patience.answer, alive=alive)
        loaded.used_at = time.monotonic()
        self._file(exchange, token, model, request, answer)

    def _file(
        self, exchange: Exchange, token: int, model: ModelVersion, request: TurnRequest, answer: TurnAnswer
    ) -> None:
        if answer.refused == TOO_LONG:
            actions.fail_exchange(exchange, token=token, reason=NO_ROOM)
            return
        if answer.refused:
            raise Unusable(answer.refused)
        first, second = (
            actions.Candidate(text, {"seed": seed, "temperature": request.temperature, "tokens": tokens, "live": True})
            for text, seed, tokens in zip(answer.texts, request.seeds, answer.tokens, strict=True)
        )
        filed = actions.offer_candidates(
            exchange,
            token=token,
            model_digest=model.digest,
            candidates=(first, second),
            rng=self.rng,
            now=self.now(),
        )
        logger.info("%s: %s, the model took %.2f s", exchange, filed.state, answer.seconds)

    def _renewing(self, exchange: Exchange, token: int) -> Callable[[], None]:
        """Keeps the claim while the child is at work. Raises LostClaim, ToldToGo."""
        renewed_at = time.monotonic()

        def alive() -> None:
            nonlocal renewed_at
            if self.told_to_stop():
                raise ToldToGo
            if time.monotonic() > renewed_at + self.patience.renew:
                actions.renew_claim(exchange, token=token, now=self.now())
                renewed_at = time.monotonic()

        return alive

    def _load(self, model: ModelVersion, alive: Callable[[], None]) -> _Loaded:
        """The child with this model: the one that is there, else a new one in its place. Raises NoAnswer, Unusable."""
        if self._loaded is None or not self._loaded.has(model):
            self.dismiss()
            self._loaded = self._started(model)
        loaded = self._loaded
        if not loaded.is_ready:
            loaded.resident.hear_ready(digest=model.digest, within=self.patience.load, alive=alive)
            loaded.is_ready = True
            logger.info("%s is loaded in process %s", model, loaded.resident.pid)
        return loaded

    def _started(self, model: ModelVersion) -> _Loaded:
        folder = Path(model.path)
        if not (folder / "config.json").is_file():
            raise Unusable(f"The folder of the model {model} is missing: {folder}.")
        log = Path(settings.VAR) / "log" / "converse.log"
        return _Loaded(Resident(folder, log=log, package=self.package), model.path, model.digest, time.monotonic())

    def _settle(self) -> None:
        """Between turns: who has begun a conversation will write soon, so load now; nobody for a while, let it go."""
        lively = projects_in_conversation(now=self.now())
        if lively:
            self._load_ahead(lively[0])
        elif self._loaded and time.monotonic() > self._loaded.used_at + settings.TARE_LIVE_IDLE_SECONDS:
            logger.info("nobody talks any more: the model is let go")
            self.dismiss()

    def _load_ahead(self, project_id: int) -> None:
        model = queries.newest_policy(project_id)
        if model is None or model.digest == self._unusable:
            return
        if self._loaded is not None and self._loaded.is_ready and self._loaded.resident.lives:
            return  # a newer policy, or another project's, is loaded by the turn that asks for it

        def alive() -> None:
            if self.told_to_stop():
                raise ToldToGo

        try:
            self._load(model, alive)
        except ToldToGo:
            self.dismiss()
        except NoAnswer as problem:
            # a turn will try again and say so; without one, once is enough
            logger.warning("%s cannot be loaded ahead: %s", model, problem)
            self._unusable = model.digest
            self.dismiss()
