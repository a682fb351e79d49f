"""How the web process serves (``gunicorn --config python:config.gunicorn config.wsgi``)."""

from pathlib import Path

from config import env

bind = env.text("TARE_BIND", default="127.0.0.1:8000")
worker_class = "gthread"
workers = env.number("TARE_WEB_WORKERS", default=2, least=1)
threads = env.number("TARE_WEB_THREADS", default=8, least=1)
# the code is read once; nothing connects to anything before the fork
preload_app = True
timeout = 30
graceful_timeout = 5
keepalive = 5
# where nothing is written to a disk: a worker shows that it lives by touching a file there
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  gunicorn makes a file of its own in it
control_socket_disable = True
