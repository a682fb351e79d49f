"""The same, made fast, and cut off from the data of whoever runs the tests.

Importing this starts nothing: mypy and the template check read it too. The addresses are filled in by tests/engines.py
when the first test asks for a database; until then they lead nowhere, so that no test ever meets real data.
"""

import os
import tempfile
from pathlib import Path
from shutil import disk_usage

NOWHERE = "127.0.0.1:1"
_memory = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it, with a name nobody else has
_roomy = _memory.is_dir() and disk_usage(_memory).free > 2**30 and os.access(_memory, os.W_OK)
_fresh = (_memory if _roomy else Path(tempfile.gettempdir())) / f"tare-tests-{os.getuid()}-{os.getpid()}"

# Inherited by xdist's workers and by every process a test starts: one pair of servers, but a var/ for each worker.
TEST_VAR = Path(os.environ.setdefault("TARE_TEST_VAR", str(_fresh)))
os.environ["TARE_VAR"] = str(TEST_VAR / os.environ.get("PYTEST_XDIST_WORKER", "main"))
os.environ.setdefault("DATABASE_URL", f"postgresql://tare@{NOWHERE}/tare")
os.environ.setdefault("REDIS_URL", f"redis://{NOWHERE}/0")
os.environ.setdefault("TARE_SECRET_KEY", "a key for tests only, which never leaves this machine")

from config.settings import *  # noqa: E402, F403  the settings read the variables above

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
