"""The datasets page: what was frozen, what is in it, and how to load it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from raters.models import Project, User
from snapshots.actions import build_next_snapshot, request_snapshot
from snapshots.models import Snapshot
from tests import make


@pytest.fixture(autouse=True)
def exports(settings: Settings, tmp_path: Path) -> None:
    settings.TARE_EXPORTS = tmp_path


def frozen(project: Project, name: str = "prefs") -> Snapshot:
    request_snapshot(project, name=name, filters={})
    snapshot = build_next_snapshot(now=make.now())
    assert snapshot is not None
    return snapshot


@pytest.fixture
def ready(project: Project, ada: User) -> Snapshot:
    make.batch(project, comparisons=2)
    for preference in (2, 0):
        make.judgment(ada, project, preference=preference)
    return frozen(project)


def page(client: Client, project: Project, user: User, query: str = "") -> Any:
    client.force_login(user)
    return client.get(f"/p/{project.slug}/datasets/{query}")


def test_an_engineer_sees_the_newest_snapshot(client: Client, project: Project, emil: User, ready: Snapshot) -> None:
    shown = page(client, project, emil).content.decode()
    assert "prefs" in shown
    assert ready.sha256[:12] in shown
    assert f"http://testserver/api/v1/snapshots/{ready.pk}/files" in shown


def test_contents_and_what_was_left_out_are_said(client: Client, project: Project, emil: User, ready: Snapshot) -> None:
    chosen = page(client, project, emil).context["page"].chosen
    assert {item.name: item.value for item in chosen.contents}["Judgments"] == "2 by 1 raters"
    assert (chosen.bar_text, chosen.left_out) == ("train 1, test 0, ties 1", ())


def test_implied_judgments_are_counted_where_there_are_some(
    client: Client, project: Project, emil: User, ada: User, ready: Snapshot
) -> None:
    make.implied(ada, make.comparison(project))
    frozen(project, "ranked")
    contents = {item.name: item.value for item in page(client, project, emil).context["page"].chosen.contents}
    assert contents["Implied"] == "1 of them, by rankings and edits"
    before = page(client, project, emil, f"?snapshot={ready.pk}").context["page"].chosen.contents
    assert "Implied" not in {item.name for item in before}


def test_a_snapshot_of_the_first_format_is_still_shown(
    client: Client, project: Project, emil: User, ready: Snapshot
) -> None:
    del ready.manifest["counts"]["implied"], ready.manifest["questions"]
    ready.save(update_fields=["manifest"])
    assert page(client, project, emil).context["page"].chosen.contents[0].value == "2 by 1 raters"


def test_a_snapshot_is_chosen_by_its_id(client: Client, project: Project, emil: User, ready: Snapshot) -> None:
    request_snapshot(project, name="later", filters={})
    assert page(client, project, emil, f"?snapshot={ready.pk}").context["page"].chosen.name == "prefs"
    assert page(client, project, emil).context["page"].chosen.name == "later"


def test_a_failed_snapshot_says_why(client: Client, project: Project, cleo: User) -> None:
    frozen(project)
    assert "There is no judgment to freeze." in page(client, project, cleo).content.decode()


def test_no_snapshot_yet_is_a_page_too(client: Client, project: Project, olga: User) -> None:
    assert "No snapshot yet" in page(client, project, olga).content.decode()


def test_raters_and_strangers_find_nothing(
    client: Client, project: Project, ada: User, rhea: User, mallory: User
) -> None:
    assert [page(client, project, user).status_code for user in (ada, rhea, mallory)] == [404, 404, 404]


def test_nobody_signed_in_is_sent_to_sign_in(client: Client, project: Project) -> None:
    assert client.get(f"/p/{project.slug}/datasets/").status_code == 302


@pytest.mark.parametrize(
    "query",
    ["?snapshot=x", "?snapshot=0", "?snapshot=" + "9" * 30, "?snapshot=%00", "?page=x", "?page=999", "?page=%00"],
)
def test_an_address_that_means_nothing_shows_the_newest(
    client: Client, project: Project, emil: User, ready: Snapshot, query: str
) -> None:
    answer = page(client, project, emil, query)
    assert (answer.status_code, answer.context["page"].chosen.name) == (200, "prefs")


def test_another_projects_snapshot_is_not_shown(client: Client, project: Project, emil: User, ready: Snapshot) -> None:
    other = request_snapshot(make.project(), name="secret", filters={})
    assert page(client, project, emil, f"?snapshot={other.pk}").context["page"].chosen.name == "prefs"


def test_the_page_is_for_reading(client: Client, project: Project, emil: User) -> None:
    client.force_login(emil)
    assert client.post(f"/p/{project.slug}/datasets/").status_code == 405


def test_many_snapshots_cost_no_more_queries(
    client: Client, project: Project, emil: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(45):
        request_snapshot(project, name=f"s{number}", filters={})
    client.force_login(emil)
    with django_assert_max_num_queries(14):
        answer = client.get(f"/p/{project.slug}/datasets/")
    assert len(answer.context["page"].snapshots.object_list) == 20
