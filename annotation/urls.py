"""The rater's bench and the quality page, under a project."""

from django.urls import path

from annotation.views import asking, bench, home, quality

urlpatterns = [
    path("p/<slug:slug>/", home.home, name="home"),
    path("p/<slug:slug>/rate/", bench.rate, name="rate"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/judgment/", bench.submit, name="submit"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/skip/", bench.skip, name="skip"),
    path("p/<slug:slug>/judgments/<int:judgment_id>/undo/", bench.undo, name="undo"),
    path("p/<slug:slug>/questions/", asking.questions, name="questions"),
    path("p/<slug:slug>/questions/preview/", asking.preview, name="questions-preview"),
    path("p/<slug:slug>/quality/", quality.quality, name="quality"),
]
