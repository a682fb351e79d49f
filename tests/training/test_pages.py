"""The pages of runs: each door works, and refuses strangers, bad input and the wrong method."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from raters.models import Project, User
from tests import make
from tests.training import build
from training import actions, queries
from training.models import Metric, ModelVersion, Run
from training.records import MetricLine, ResponseRow

PAGES = ["", "{run}/", "{run}/live/"]


@pytest.fixture
def run(project: Project) -> Run:
    return build.run(project, name="r1-base")


def at(project: Project, path: str, run: Run) -> str:
    return f"/p/{project.slug}/runs/{path.format(run=run.pk)}"


def as_person(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


@pytest.mark.parametrize("path", PAGES)
def test_an_engineer_sees_it(client: Client, project: Project, emil: User, run: Run, path: str) -> None:
    answer = as_person(client, emil).get(at(project, path, run))
    assert answer.status_code == 200
    assert "Queued" in answer.content.decode()


@pytest.mark.parametrize("path", [*PAGES, "{run}/cancel/"])
@pytest.mark.parametrize("who", ["mallory", "ada", "rhea"])
def test_to_others_it_does_not_exist(
    client: Client, request: pytest.FixtureRequest, project: Project, run: Run, path: str, who: str
) -> None:
    client = as_person(client, request.getfixturevalue(who))
    door = client.post if path.endswith("cancel/") else client.get
    assert door(at(project, path, run)).status_code == 404


@pytest.mark.parametrize("path", [*PAGES, "{run}/cancel/"])
def test_a_stranger_is_asked_to_sign_in(client: Client, project: Project, run: Run, path: str) -> None:
    door = client.post if path.endswith("cancel/") else client.get
    answer = door(at(project, path, run))
    assert answer.status_code == 302 and "/accounts/login/" in answer.headers["Location"]


@pytest.mark.parametrize("path", ["{run}/", "{run}/live/", "{run}/cancel/"])
def test_a_run_of_another_project_does_not_exist(client: Client, project: Project, emil: User, path: str) -> None:
    strange = build.run(make.project())
    door = as_person(client, emil).post if path.endswith("cancel/") else as_person(client, emil).get
    assert door(at(project, path, strange)).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_page_cannot_be_posted_to(client: Client, project: Project, emil: User, run: Run, path: str) -> None:
    assert as_person(client, emil).post(at(project, path, run)).status_code == 405


def test_a_run_cannot_be_cancelled_by_a_link(client: Client, project: Project, emil: User, run: Run) -> None:
    assert as_person(client, emil).get(at(project, "{run}/cancel/", run)).status_code == 405


def test_a_page_that_is_not_there_is_the_nearest_one(client: Client, project: Project, emil: User, run: Run) -> None:
    for page in ("99", "-1", "x"):
        assert "r1-base" in as_person(client, emil).get(at(project, f"?page={page}", run)).content.decode()


@pytest.mark.parametrize("who", ["emil", "olga"])
def test_engineers_and_owners_stop_a_run(
    client: Client, request: pytest.FixtureRequest, project: Project, run: Run, who: str
) -> None:
    answer = as_person(client, request.getfixturevalue(who)).post(at(project, "{run}/cancel/", run))
    assert answer.status_code == 302
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_a_lead_looks_and_does_not_stop(client: Client, project: Project, cleo: User, run: Run) -> None:
    client = as_person(client, cleo)
    assert "Stop run" not in client.get(at(project, "{run}/", run)).content.decode()
    assert client.post(at(project, "{run}/cancel/", run)).status_code == 404


def test_stopping_twice_is_stopping_once(client: Client, project: Project, emil: User, run: Run) -> None:
    for _ in range(2):
        assert as_person(client, emil).post(at(project, "{run}/cancel/", run)).status_code == 302


def test_a_live_run_asks_for_itself_again_and_a_finished_one_does_not(
    client: Client, project: Project, emil: User, run: Run
) -> None:
    live = as_person(client, emil).get(at(project, "{run}/live/", run)).content.decode()
    actions.cancel_run(run, by=emil, now=make.now())
    over = client.get(at(project, "{run}/live/", run)).content.decode()
    assert "hx-trigger" in live and "hx-trigger" not in over


def test_a_failed_run_says_why_on_its_page(client: Client, project: Project, emil: User, run: Run) -> None:
    actions.claim_next_run(now=make.now())
    actions.fail_run(run, token=1, reason="<b>no</b> texts", now=make.now())
    page = as_person(client, emil).get(at(project, "{run}/", run)).content.decode()
    assert "&lt;b&gt;no&lt;/b&gt; texts" in page


def test_a_generations_samples_are_shown_as_text(client: Client, project: Project, emil: User) -> None:
    prompt = make.prompt(project, "Why?")
    run = actions.queue_generation(
        project,
        name="g1",
        model=build.model(project),
        prompts=[prompt],
        samples=1,
        temperature=1.0,
        seed=1,
        max_new_tokens=8,
        purpose="probes",
    )
    actions.claim_next_run(now=make.now())
    folder = actions.prepare_run(run)
    text = "<script>alert(1)</script>\ud83d\0"
    row = ResponseRow(prompt_id=str(prompt.pk), sample=0, text=text, finished=True, tokens=2, logprob=-1.0)
    (folder / "responses.jsonl").write_text(json.dumps(asdict(row)) + "\n")
    actions.finish_run(run, token=1, outcome=build.outcome(), now=make.now())
    page = as_person(client, emil).get(at(project, "{run}/", run)).content.decode()
    assert "Why?" in page and "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


def test_the_list_does_not_grow_queries(project: Project, django_assert_num_queries: Any) -> None:
    for _ in range(12):
        build.run(project, kind="sft", start_from=build.model(project))
    with django_assert_num_queries(2):
        assert len(queries.runs_of(project, page=1, now=make.now()).object_list) == 12


def test_the_live_part_costs_two_queries_however_long_the_curve_is(
    project: Project, run: Run, django_assert_num_queries: Any
) -> None:
    Metric.objects.bulk_create(Metric(run=run, step=step, values={"loss": 1 / (step + 1)}) for step in range(3000))
    with django_assert_num_queries(2):
        live = queries.run_live(run, may_cancel=True, now=make.now())
    (loss,) = live.charts
    assert 300 <= len(loss.chart.rows) <= 400
    assert loss.chart.rows[-1][0] == "2,999", "the newest report is always there"
    (line,) = json.loads(loss.points)["series"]
    assert len(line["xs"]) == len(line["ys"]) == len(loss.chart.rows)
    assert (line["xs"][-1], line["ys"][-1]) == (2999, 0.000333333)


def test_the_page_of_a_run_costs_the_same_for_any_number_of_inputs(
    project: Project, django_assert_num_queries: Any
) -> None:
    policy = build.model(project)
    reward = build.model(project, kind=ModelVersion.Kind.REWARD)
    inputs = {"reference": policy.pk, "reward_model": reward.pk, "audit_model": reward.pk}
    made = build.run(project, kind="ppo", start_from=policy, inputs=inputs)
    found = queries.runs_in(project).select_related("project", "snapshot", "start_from").get(pk=made.pk)
    with django_assert_num_queries(5):  # metrics counted and read; the models, the source, the model made
        page = queries.run_page(found, may_cancel=True, now=make.now())
    assert [link.label for link in page.lineage] == ["Starts from", "Reference", "Reward model", "Audit model"]


def reported(project: Project, kind: str, values: list[dict[str, float]], **more: Any) -> queries.RunLive:
    run = Run.objects.create(project=project, name=kind, kind=kind, state="running", started_at=make.NOW, **more)
    Metric.objects.bulk_create(Metric(run=run, step=n, values=each) for n, each in enumerate(values, 1))
    return queries.run_live(run, may_cancel=False, now=make.NOW + timedelta(seconds=100))


def test_ppo_shows_reward_against_kl_first(project: Project) -> None:
    values = [
        {"objective/kl": k, "objective/scores": k / 2, "audit/scores": k / 4, "response/words": 20.0}
        for k in (0.0, 1.0, 4.0)
    ]
    live = reported(project, "ppo", values, recipe={"kl_target": 3.0})
    assert [card.title for card in live.charts] == [
        "Reward against distance from the reference",
        "KL to the reference",
        "Response length, words",
    ]
    assert live.charts[0].chart.columns == ("root KL", "proxy", "audit")
    assert live.charts[0].chart.rows[-1] == ("2", "2", "1")


def test_a_reward_model_shows_its_calibration(project: Project) -> None:
    results = {
        "ece": 0.025,
        "accuracy": 0.78,
        "bins": [{"confidence": 0.7, "accuracy": 0.72, "n": 10, "lo": 0, "hi": 1}],
    }
    live = reported(project, "reward", [], results=results)
    assert (live.charts[0].title, live.charts[0].note) == ("Calibration", "ECE 0.025")
    assert live.charts[0].chart.rows == (("0.7", "0.72", "10"),)


def test_dpo_shows_how_far_it_went(project: Project) -> None:
    live = reported(project, "dpo", [{"loss": 0.7}, {"objective/kl": 1.0}], recipe={"max_kl": 10.0})
    assert [card.title for card in live.charts] == ["Loss", "KL to the start"]


def test_what_it_does_not_know_it_still_draws(project: Project) -> None:
    live = reported(project, "sft", [{"grad/norm_mean": 1.0}, {"grad/norm_mean": None}])  # type: ignore[dict-item]
    assert [card.title for card in live.charts] == ["Grad: norm mean"]


def test_a_run_says_how_long_is_left(project: Project) -> None:
    live = reported(project, "sft", [], step=100, total_steps=173)
    assert live.left == "1 min 13 s"


def test_an_interval_goes_with_its_value(project: Project) -> None:
    live = reported(project, "score", [], results={"kl": 3.0, "kl_se": 0.1, "mean": {"proxy": 1.0}})
    facts = [(fact.name, fact.value, fact.note) for fact in live.results]
    assert facts == [("Mean reward, proxy", "1", ""), ("KL, nats", "3", "± 0.196")]


def test_a_beat_moves_the_page(project: Project, run: Run) -> None:
    actions.claim_next_run(now=make.now())
    actions.beat_run(run, token=1, now=make.now(), metrics=[MetricLine(step=2, total=4, values={"loss": 1.0})])
    run.refresh_from_db()
    live = queries.run_live(run, may_cancel=True, now=make.now())
    assert (live.step, live.total, live.state, live.can_cancel) == (2, 4, "Running", True)
