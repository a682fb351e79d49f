"""Statements that PostgreSQL parses and plans once per connection instead of at every request.

psycopg2 sends text, and of a statement with a dozen steps the plan costs more than the work. SQL's own PREPARE and
EXECUTE need no other driver (docs/decisions/0013-prepared-statements.md says what that asks of a pooler).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Mapping

# What each connection to PostgreSQL knows already, for as long as there is one.
_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


class Prepared:
    """One statement. `types` are its parameters, `%(name)s` in the text, in SQL's words; `%%` is a percent sign."""

    def __init__(self, name: str, sql: str, /, **types: str) -> None:
        self.name, self.parameters = name, tuple(types)
        places = {parameter: f"${place}" for place, parameter in enumerate(types, start=1)}
        self._prepare = f"PREPARE {name} ({', '.join(types.values())}) AS {sql % places}"
        self._execute = f"EXECUTE {name} ({', '.join(['%s'] * len(types))})"

    def rows(self, given: Mapping[str, Any], *, explain: str = "") -> list[tuple[Any, ...]]:
        """Run it and fetch all, or what PostgreSQL explains of it with these options.

        `given` has every parameter by name, and may have more.
        """
        execute = f"EXPLAIN ({explain}) {self._execute}" if explain else self._execute
        with connection.cursor() as cursor:
            self._make_known()
            cursor.execute(execute, [given[parameter] for parameter in self.parameters])
            return list(cursor.fetchall())

    def _make_known(self) -> None:
        """To the connection that there is now: asking for a cursor may have opened another one."""
        known = _known.setdefault(connection.connection, set())
        if self.name not in known:
            # not by Django's cursor: that a statement is the connection's first is not worth a line in a log of them
            with connection.wrap_database_errors, connection.connection.cursor() as cursor:
                cursor.execute(self._prepare)
            known.add(self.name)
