"""The embedded PostgreSQL and Redis: started once, whatever was left behind, and never under another's feet."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis

from config import embedded, server
from config.embedded import BASE, Engines, VarIsTaken
from config.env import BadSetting
from config.test_settings import TEST_VAR


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engines]:
    """Servers of this test alone, on a folder that their account can reach."""
    var = TEST_VAR / f"embedded-{tmp_path.parent.parent.name}-{tmp_path.name}-{os.getpid()}"
    engines = Engines(var=var, fast=True)
    TEST_VAR.mkdir(mode=0o711, exist_ok=True)
    yield engines
    engines.stop()


def pid_of(engines: Engines, name: str) -> int:
    return int((engines.var / "engines" / f"{name}.pid").read_text().split()[0])


def answer(engines: Engines, sql: str = "SELECT version()") -> str:
    with closing(psycopg2.connect(engines.database_url())) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


class TestServers:
    def test_are_a_real_postgresql_18_and_a_redis(self, own: Engines) -> None:
        assert answer(own).startswith("PostgreSQL 18.")
        with redis.Redis.from_url(own.redis_url()) as client:
            assert client.ping()

    def test_keep_their_addresses_over_a_stop(self, own: Engines) -> None:
        before = own.database_url(), own.redis_url()
        own.stop()
        assert own.running() == {"postgres": False, "redis": False}
        assert (own.database_url(), own.redis_url()) == before

    def test_are_started_once_by_many_that_ask_at_once(self, own: Engines) -> None:
        ask = "import sys; from config.embedded import *; print(Engines(var=Path(sys.argv[1]), fast=True).redis_url())"
        asking = [
            subprocess.Popen([sys.executable, "-c", ask, str(own.var)], cwd=BASE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        assert len({process.communicate()[0] for process in asking}) == 1

    def test_run_as_nobody_special_when_tare_runs_as_root(self, own: Engines) -> None:
        own.database_url()
        owner = Path(f"/proc/{pid_of(own, 'postgres')}").stat().st_uid
        assert owner == (server.Account.for_servers() or server.Account("me", os.geteuid(), 0)).uid != 0

    def test_ask_for_their_password(self, own: Engines) -> None:
        wrong = own.database_url().replace("tare:", "tare:not", 1)
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(wrong)

    def test_keep_their_passwords_from_other_users(self, own: Engines) -> None:
        own.redis_url()
        assert (own.var / "engines.json").stat().st_mode & 0o077 == 0
        assert (own.var / "engines" / "redis" / "redis.conf").stat().st_mode & 0o077 == 0

    def test_never_evict_and_write_every_message_down(self, own: Engines) -> None:
        careful = Engines(var=own.var)
        with redis.Redis.from_url(careful.redis_url()) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "yes"}


class TestKilled:
    def test_servers_come_back_with_what_was_committed(self, own: Engines) -> None:
        careful = Engines(var=own.var)
        with closing(psycopg2.connect(careful.database_url())) as connection, connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 41 + 1 AS answer")
        for name in ("postgres", "redis"):
            careful.redis_url()
            os.kill(pid_of(careful, name), signal.SIGKILL)
        _wait_until_dead(careful)
        assert answer(careful, "SELECT answer FROM kept") == "42"
        careful.redis_url()
        assert careful.running() == {"postgres": True, "redis": True}

    def test_a_pid_file_that_names_a_living_stranger_is_not_believed(self, own: Engines) -> None:
        own.database_url()
        own.stop()
        stale = own.var / "engines" / "postgres" / "postmaster.pid"
        stale.write_text(f"{os.getpid()}\n{stale.parent}\n1\n5432\n\n127.0.0.1\n1 1\nready\n")
        assert answer(own, "SELECT 1") == "1"

    def test_an_initdb_that_was_interrupted_is_begun_again(self, own: Engines) -> None:
        half = own.var / "engines" / "postgres.unfinished"
        half.mkdir(parents=True)
        own.var.chmod(0o711)
        (half / "PG_VERSION").write_text("18")
        assert answer(own, "SELECT 1") == "1"


class TestVar:
    def test_of_another_checkout_that_runs_is_refused(self, own: Engines) -> None:
        own.redis_url()
        with pytest.raises(VarIsTaken, match=f"belongs to the Tare at {BASE}, which is running"):
            Engines(var=own.var, checkout=Path("/srv/tare"), fast=True).redis_url()

    def test_of_a_checkout_that_moved_is_taken_over(self, own: Engines) -> None:
        before = own.redis_url()
        own.stop()
        moved = Engines(var=own.var, checkout=Path("/srv/tare"), fast=True)
        assert moved.redis_url() == before
        moved.stop()

    def test_of_another_user_is_refused(self, own: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
        own.redis_url()
        monkeypatch.setattr(os, "geteuid", lambda: 4321)
        with pytest.raises(VarIsTaken, match="belongs to the user .*, you are number 4321"):
            own.redis_url()
        monkeypatch.undo()

    def test_whose_port_was_taken_meanwhile_gets_another(self, own: Engines) -> None:
        before = own.redis_url()
        own.stop()
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", int(before.rpartition(":")[2].removesuffix("/0"))))
            stranger.listen()
            assert own.redis_url() != before

    def test_that_cannot_be_made_is_refused_in_words(self) -> None:
        with pytest.raises(server.EngineFailed, match="cannot be made: .*; set TARE_VAR"):
            Engines(var=Path("/proc/tare")).redis_url()

    def test_with_data_of_another_postgresql_is_refused(self, own: Engines) -> None:
        own.database_url()
        own.stop()
        (own.var / "engines" / "postgres" / "PG_VERSION").write_text("16\n")
        with pytest.raises(server.EngineFailed, match="was written by PostgreSQL 16"):
            own.database_url()


class TestSecretKey:
    def test_is_made_once_and_readable_by_its_owner_only(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TARE_SECRET_KEY", "DATABASE_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TARE_VAR", str(tmp_path / "var"))
        made = embedded.secret_key()
        assert len(made) >= 50
        assert embedded.secret_key() == made
        assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o777 == 0o600

    def test_has_to_be_given_with_a_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TARE_SECRET_KEY", raising=False)
        with pytest.raises(BadSetting, match="TARE_SECRET_KEY is not set"):
            embedded.secret_key()


def _wait_until_dead(engines: Engines) -> None:
    """A killed postmaster's children notice within moments; start() waits for them, this test's kill has to land."""
    deadline = time.monotonic() + 10
    while any(engines.running().values()) and time.monotonic() < deadline:
        time.sleep(0.05)
