"""Pages of runs, under a project."""

from django.urls import path

from training import views

urlpatterns = [
    path("p/<slug:slug>/runs/", views.runs, name="runs"),
    path("p/<slug:slug>/runs/<int:run_id>/", views.run, name="run"),
    path("p/<slug:slug>/runs/<int:run_id>/live/", views.run_live, name="run-live"),
    path("p/<slug:slug>/runs/<int:run_id>/cancel/", views.cancel, name="run-cancel"),
]
