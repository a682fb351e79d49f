"""Read one variable of the environment, or refuse in words.

A refusal names the variable, shows what it holds (never a secret) and says what would do:
``TARE_LEASE_SECONDS='ten': use a whole number of seconds``.
"""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


class BadSetting(ImproperlyConfigured):
    """A variable of the environment holds something Tare cannot use; the message says what it can."""


_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def text(name: str, *, default: str | None = None, at_least: int = 0, secret: bool = False) -> str:
    """The variable as it stands, or the default. With no default it has to be set."""
    value = _read(name)
    if value is None:
        if default is None:
            raise BadSetting(f"{name} is not set: give it a value")
        return default
    if len(value) < at_least:
        shown = "" if secret else f"={value!r}"
        raise BadSetting(f"{name}{shown}: use at least {at_least} characters, this has {len(value)}")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Yes or no."""
    value = _read(name)
    if value is None:
        return default
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise BadSetting(f"{name}={value!r}: use yes or no")


def number(name: str, *, default: int, unit: str = "", least: int = 0, most: int | None = None) -> int:
    """A whole number, of seconds or whatever the unit says, within its limits."""
    value = _read(name)
    if value is None:
        return default
    of_what = f" of {unit}" if unit else ""
    # isdecimal() alone would let other scripts' digits and int() alone would let "1_000" and " 7 " through
    if not (value.isascii() and value.isdecimal()):
        raise BadSetting(f"{name}={value!r}: use a whole number{of_what}")
    if int(value) < least or (most is not None and int(value) > most):
        limits = f"{least} or more" if most is None else f"between {least} and {most}"
        raise BadSetting(f"{name}={value!r}: use a whole number{of_what}, {limits}")
    return int(value)


def url(name: str, *, schemes: Sequence[str], default: str | None = None) -> str:
    """An address with one of these schemes and a host, or the default as it stands."""
    value = text(name, default=default)
    if value == default:
        return value
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        # an address that does not parse may hold a password anywhere, so it is not shown
        raise BadSetting(f"{name}: this is not an address; use {wanted} and a host") from None
    if parts.scheme not in schemes or not (parts.hostname or "host=" in parts.query) or not port_is_fine:
        raise BadSetting(
            f"{name}={without_password(value)!r}: use an address that starts with {wanted} and names a host"
        )
    return value


def words(name: str) -> list[str]:
    """A list with commas between; empty when not set."""
    return [word.strip() for word in (_read(name) or "").split(",") if word.strip()]


def without_password(address: str) -> str:
    """The address as it may be shown in a log or a message."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()


def database(address: str) -> dict[str, Any]:
    """What Django's DATABASES wants to know, from ``postgresql://user:password@host:port/name?sslmode=require``."""
    parts: SplitResult = urlsplit(address)
    options = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise BadSetting(f"DATABASE_URL={without_password(address)!r}: name the database after the last slash")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


def server(address: str, *, port: int) -> tuple[str, int, str, str]:
    """Host, port, user and password of an address such as ``smtp://user:password@host:587``."""
    parts = urlsplit(address)
    return str(parts.hostname), parts.port or port, unquote(parts.username or ""), unquote(parts.password or "")


def _read(name: str) -> str | None:
    """The variable without blanks around it; one that is set but empty counts as not set, as Compose leaves them."""
    return os.environ.get(name, "").strip() or None
