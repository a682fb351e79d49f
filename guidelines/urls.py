"""Guideline pages, under a project."""

from django.urls import path

from guidelines import views

urlpatterns = [
    path("p/<slug:slug>/guidelines/", views.guidelines, name="guidelines"),
    path("p/<slug:slug>/guidelines/<int:version_id>/drawer/", views.drawer, name="guideline_drawer"),
    path("p/<slug:slug>/guidelines/<int:version_id>/unclear/", views.unclear, name="guideline_unclear"),
    path("p/<slug:slug>/guidelines/<int:version_id>/", views.guideline, name="guideline"),
    path("p/<slug:slug>/guidelines/<int:version_id>/acknowledge/", views.acknowledge, name="acknowledge"),
]
