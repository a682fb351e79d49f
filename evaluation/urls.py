"""Where the loop and its rounds are."""

from django.urls import path

from evaluation import views

urlpatterns = [
    path("p/<slug:slug>/training/", views.training, name="training"),
    path("p/<slug:slug>/rounds/start/", views.start, name="round-start"),
    path("p/<slug:slug>/rounds/<int:number>/", views.round, name="round"),
    path("p/<slug:slug>/rounds/<int:number>/resume/", views.resume, name="round-resume"),
    path("p/<slug:slug>/alerts/<int:alert_id>/resolve/", views.resolve_alert, name="alert-resolve"),
]
