"""A run's curves: drawn by the server for everyone, and on a canvas where there is a script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from raters.models import Project, User
from tests.training import build
from training.models import Metric, Run


@pytest.fixture
def run(project: Project) -> Run:
    """A run that has reported its loss for twenty steps."""
    run = build.run(project, name="r1-base")
    Metric.objects.bulk_create(Metric(run=run, step=step, values={"loss": 4 / step}) for step in range(1, 21))
    return run


def page_of(run: Run) -> str:
    return f"/p/helpfulness/runs/{run.pk}/"


def test_without_script_the_drawing_is_there(visit_as: Callable[..., Page], cleo: User, run: Run) -> None:
    page = visit_as(cleo, page_of(run), script=False)

    expect(page.locator(".plot svg")).to_be_visible()
    expect(page.locator("[data-canvas]")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_arrow_keys_tell_exact_values(visit_as: Callable[..., Page], cleo: User, run: Run, scheme: str) -> None:
    page = visit_as(cleo, page_of(run), scheme=scheme)
    expect(page.locator(".plot svg")).to_be_hidden()
    page.focus("[data-canvas]")
    for _ in range(3):
        page.keyboard.press("ArrowRight")

    expect(page.locator("[data-canvas] .u-legend")).to_contain_text("1.333")


def test_a_live_curve_grows_and_stays_on_its_canvas(visit_as: Callable[..., Page], cleo: User, run: Run) -> None:
    page = visit_as(cleo, page_of(run))
    canvas = page.locator("[data-canvas] canvas").element_handle()
    Metric.objects.create(run=run, step=21, values={"loss": 0.123456})
    page.wait_for_selector(".plot[data-points*='0.123456']", state="attached")
    page.focus("[data-canvas]")
    page.keyboard.press("ArrowLeft")

    expect(page.locator("[data-canvas] .u-legend")).to_contain_text("0.1235")
    assert canvas.evaluate("canvas => canvas.isConnected")
