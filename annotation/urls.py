"""The rater's bench and the quality page, under a project."""

from django.urls import path

from annotation import views

urlpatterns = [
    path("p/<slug:slug>/", views.home, name="home"),
    path("p/<slug:slug>/rate/", views.rate, name="rate"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/judgment/", views.submit, name="submit"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/skip/", views.skip, name="skip"),
    path("p/<slug:slug>/judgments/<int:judgment_id>/undo/", views.undo, name="undo"),
    path("p/<slug:slug>/quality/", views.quality, name="quality"),
]
