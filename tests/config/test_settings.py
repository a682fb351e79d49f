"""What the settings say, and that a bad one stops the start in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

# what the settings print when they are read with other variables: no server is started, the addresses lead nowhere
ADDRESSES = {
    "DATABASE_URL": "postgresql://tare:secret@127.0.0.1:1/tare",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "TARE_SECRET_KEY": "0123456789" * 5,
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


def read(expression: str, **variables: str) -> str:
    """The value of an expression over the settings, in a process with these variables."""
    script = f"from django.conf import settings as s; print(({expression}))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TARE_")}
    asked = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env=kept | ADDRESSES | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def manage(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TARE_")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=kept | ADDRESSES | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TARE_LEASE_SECONDS", "ten", "TARE_LEASE_SECONDS='ten': use a whole number of seconds"),
        ("TARE_SECRET_KEY", "short", "TARE_SECRET_KEY: use at least 50 characters, this has 5"),
        ("DATABASE_URL", "sqlite:///tare.db", "use an address that starts with postgresql://"),
        ("REDIS_URL", "memcached://cache", "use an address that starts with redis://"),
        ("TARE_ORIGIN", "tare.example", "TARE_ORIGIN='tare.example': use an address"),
        ("TARE_DEBUG", "perhaps", "TARE_DEBUG='perhaps': use yes or no"),
    ],
)
def test_a_bad_setting_stops_the_start_in_words(name: str, value: str, says: str) -> None:
    refused = manage("check", **{name: value})
    assert refused.returncode == 1
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr


def test_over_https_the_cookies_belong_to_this_host_and_the_browser_stays_there() -> None:
    said = read(
        "s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_NAME, s.SECURE_HSTS_SECONDS, s.ALLOWED_HOSTS",
        TARE_ORIGIN="https://tare.example",
    )
    assert said == "('__Host-sessionid', True, '__Host-csrftoken', 31536000, ['tare.example'])"


def test_a_forwarded_header_is_believed_only_behind_a_proxy_of_ours() -> None:
    assert read("s.SECURE_PROXY_SSL_HEADER, s.ALLAUTH_TRUSTED_PROXY_COUNT") == "(None, 0)"
    assert read("s.SECURE_PROXY_SSL_HEADER, s.ALLAUTH_TRUSTED_PROXY_COUNT", TARE_PROXIES="1") == (
        "(('HTTP_X_FORWARDED_PROTO', 'https'), 1)"
    )


def test_only_the_web_process_has_a_statement_timeout() -> None:
    options = "'statement_timeout' in s.DATABASES['default']['OPTIONS']['options']"
    assert read(options) == "False"
    assert read(options, TARE_PROCESS="web") == "True"


def test_options_of_the_address_reach_the_driver() -> None:
    address = ADDRESSES["DATABASE_URL"] + "?sslmode=require"
    assert read("s.DATABASES['default']['OPTIONS']['sslmode']", DATABASE_URL=address) == "require"


def test_every_session_cache_and_rate_limit_lives_in_postgresql() -> None:
    assert settings.SESSION_ENGINE == "raters.sessions"
    assert settings.CACHES["default"]["BACKEND"] == "django.core.cache.backends.db.DatabaseCache"


def test_the_tests_never_meet_the_data_of_who_runs_them() -> None:
    assert "tare-tests-" in str(settings.VAR)
    assert Path(settings.BASE_DIR) not in Path(settings.VAR).parents


def test_no_setting_of_the_deployment_check_is_forgotten() -> None:
    checked = manage(
        "check", "--deploy", "--tag", "security", "--fail-level", "WARNING", TARE_ORIGIN="https://tare.example"
    )
    assert checked.returncode == 0, checked.stderr
