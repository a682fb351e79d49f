"""The bells' wire: the Celery application that worker, gpu and beat run (``celery -A config.celery``)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tare")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
