"""One variable of the environment, or a refusal in words."""

import pytest

from config import env


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which TARE_X is set by the test and by nothing else."""
    monkeypatch.delenv("TARE_X", raising=False)
    return monkeypatch


class TestNumber:
    def test_is_read(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "30")
        assert env.number("TARE_X", default=1) == 30

    def test_is_the_default_when_not_set(self, given: pytest.MonkeyPatch) -> None:
        assert env.number("TARE_X", default=7) == 7

    def test_counts_as_not_set_when_empty(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "  ")
        assert env.number("TARE_X", default=7) == 7

    @pytest.mark.parametrize("value", ["ten", "1.5", "-3", "1_000", "٣", "0x10", "1e3"])
    def test_refuses_what_is_not_a_whole_number(self, given: pytest.MonkeyPatch, value: str) -> None:
        given.setenv("TARE_X", value)
        with pytest.raises(env.BadSetting) as refusal:
            env.number("TARE_X", default=1, unit="seconds")
        assert str(refusal.value) == f"TARE_X={value!r}: use a whole number of seconds"

    def test_refuses_what_is_out_of_limits(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "9")
        with pytest.raises(env.BadSetting, match="between 1 and 5"):
            env.number("TARE_X", default=1, least=1, most=5)


class TestFlag:
    @pytest.mark.parametrize(("value", "meaning"), [("yes", True), ("1", True), ("FALSE", False), ("off", False)])
    def test_is_read(self, given: pytest.MonkeyPatch, value: str, meaning: bool) -> None:
        given.setenv("TARE_X", value)
        assert env.flag("TARE_X", default=not meaning) is meaning

    def test_refuses_what_is_neither(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "maybe")
        with pytest.raises(env.BadSetting, match="TARE_X='maybe': use yes or no"):
            env.flag("TARE_X", default=True)


class TestText:
    def test_has_to_be_set_without_a_default(self, given: pytest.MonkeyPatch) -> None:
        with pytest.raises(env.BadSetting, match="TARE_X is not set"):
            env.text("TARE_X")

    def test_never_shows_a_secret(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "hunter2")
        with pytest.raises(env.BadSetting, match="at least 50 characters") as refusal:
            env.text("TARE_X", at_least=50, secret=True)
        assert "hunter2" not in str(refusal.value)


class TestUrl:
    def test_refuses_another_scheme(self, given: pytest.MonkeyPatch) -> None:
        given.setenv("TARE_X", "sqlite:///db.sqlite3")
        with pytest.raises(env.BadSetting, match="starts with postgresql://"):
            env.url("TARE_X", schemes=("postgresql",))

    @pytest.mark.parametrize("value", ["postgresql://ada:hunter2@:0", "redis://ada:hunter2@host", "http://[hunter2"])
    def test_never_shows_the_password(self, given: pytest.MonkeyPatch, value: str) -> None:
        given.setenv("TARE_X", value)
        with pytest.raises(env.BadSetting) as refusal:
            env.url("TARE_X", schemes=("postgresql",))
        assert "hunter2" not in str(refusal.value)

    def test_of_a_database_names_each_part(self) -> None:
        found = env.database("postgresql://ada:p%40ss@db.example:6000/tare?sslmode=require")
        assert found == {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "tare",
            "USER": "ada",
            "PASSWORD": "p@ss",
            "HOST": "db.example",
            "PORT": "6000",
            "OPTIONS": {"sslmode": "require"},
        }

    def test_of_a_database_may_name_a_socket(self) -> None:
        assert env.database("postgresql:///tare?host=/run/postgresql")["HOST"] == "/run/postgresql"

    def test_of_a_database_has_to_name_it(self) -> None:
        with pytest.raises(env.BadSetting, match="name the database"):
            env.database("postgresql://db.example")
