"""Statements that are planned once per connection."""

from __future__ import annotations

import pytest
from django.db import DataError, close_old_connections, connection, transaction
from pytest_django import DjangoAssertNumQueries

from raters.prepared import Prepared

pytestmark = pytest.mark.django_db(transaction=True)

SUM = Prepared("sum", "SELECT %(a)s + %(b)s, %(a)s %% 2, '%%'", a="int", b="int")


def test_parameters_have_names_and_may_come_twice() -> None:
    assert SUM.rows({"b": 4, "a": 3, "more": "is left aside"}) == [(7, 1, "%")]


def test_a_connection_is_told_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    SUM.rows({"a": 1, "b": 1})
    with django_assert_num_queries(1) as asked:
        SUM.rows({"a": 2, "b": 2})
    assert asked.captured_queries[0]["sql"] == "EXECUTE sum (2, 2)"


def test_a_new_connection_is_told_again() -> None:
    SUM.rows({"a": 1, "b": 1})
    connection.close()
    assert SUM.rows({"a": 2, "b": 2})[0][0] == 4


def test_a_connection_that_was_cut_is_replaced_and_told_again() -> None:
    SUM.rows({"a": 1, "b": 1})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        ours = cursor.fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ours])
    other.close()
    close_old_connections()  # as at the start of a request: its first statement looks whether the line still holds

    assert SUM.rows({"a": 2, "b": 2})[0][0] == 4


def test_it_is_known_after_the_transaction_that_told_it_was_undone() -> None:
    connection.close()
    with pytest.raises(DataError), transaction.atomic():
        SUM.rows({"a": 2**31 - 1, "b": 1})
    assert SUM.rows({"a": 1, "b": 1})[0][0] == 2


def test_hostile_words_are_words() -> None:
    said = Prepared("said", "SELECT %(text)s", text="text")
    hostile = "'); DROP TABLE raters_user; -- %s %(text)s \\"
    assert said.rows({"text": hostile}) == [(hostile,)]
