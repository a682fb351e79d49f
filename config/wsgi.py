"""The web process (``gunicorn config.wsgi``)."""

import os

# Read by the settings: only the web process has a statement timeout, because only there does a person wait.
os.environ["TARE_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402  the settings read the two lines above

from config import deadline  # noqa: E402

deadline.install()
application = get_wsgi_application()
