"""The API's doors of this room."""

from django.urls import path

from annotation import api

urlpatterns = [
    path("prompts/import", api.prompts_import, name="api-prompts-import"),
    path("demonstrations/import", api.demonstrations_import, name="api-demonstrations-import"),
]
