"""Every setting, once, from the environment. A bad one stops the start, in words.

Reading this module starts the embedded PostgreSQL and Redis when no DATABASE_URL and REDIS_URL are given; when they run
already that costs two milliseconds. What needs no database (mypy, the template check) reads config.test_settings.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from config import embedded, env

BASE_DIR = embedded.BASE
VAR = embedded.var_folder()

# --- who we are to the outside ----------------------------------------------------------------------------------------

TARE_ORIGIN = env.url("TARE_ORIGIN", schemes=("http", "https"), default="http://127.0.0.1:8000").rstrip("/")
_origin = urlsplit(TARE_ORIGIN)
_https = _origin.scheme == "https"
_loopback = _origin.hostname in {"127.0.0.1", "localhost", "::1"}
# reverse proxies in front of the site that append to X-Forwarded-For; rate limits count the client they name
TARE_PROXIES = env.number("TARE_PROXIES", default=0, most=5)

SECRET_KEY = embedded.secret_key()
DEBUG = env.flag("TARE_DEBUG", default=False)
ALLOWED_HOSTS = [str(_origin.hostname), *(("127.0.0.1", "localhost") if _loopback else ()), *env.words("TARE_HOSTS")]
CSRF_TRUSTED_ORIGINS = [TARE_ORIGIN]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

# --- rooms ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "raters",
    "guidelines",
    "annotation",
    "snapshots",
    "training",
    "evaluation",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
]

MIDDLEWARE = [
    "config.middleware.security_headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.compressed",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.session_clock",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "raters.context.look",
                "annotation.context.rater_nav",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- the one truth ----------------------------------------------------------------------------------------------------

# Only in the web process does a person wait; a snapshot or an import may take its time.
_limits = "-c idle_in_transaction_session_timeout=60000"
if env.text("TARE_PROCESS", default="") == "web":
    _limits = "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000"
# what is prepared (raters/prepared.py) is planned once, not five times before it is believed
_limits += " -c plan_cache_mode=force_generic_plan"

# the embedded servers, for whoever owns their lifetime; None when both addresses were given
TARE_ENGINES = embedded.in_use()

_database = env.database(embedded.database_url())
DATABASES: dict[str, Any] = {
    "default": _database
    | {
        # tcp_user_timeout: a machine that vanished is noticed in seconds, not in the kernel's quarter of an hour
        "OPTIONS": {"connect_timeout": 3, "tcp_user_timeout": 10000, "options": _limits, **_database["OPTIONS"]},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Sessions, cache and rate limits live in PostgreSQL too: with Redis down everything a person does still works.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # what {% cache %} keeps: parts of a card that are the same for every rater, in each process for itself
    "template_fragments": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "template_fragments",
        "OPTIONS": {"MAX_ENTRIES": 1_000},
    },
}

# --- people -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "raters.User"
AUTHENTICATION_BACKENDS = ["raters.sessions.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "raters.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# the invitation went to the address, and nobody signs up without one
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _origin.scheme
ALLAUTH_TRUSTED_PROXY_COUNT = TARE_PROXIES
MFA_ADAPTER = "allauth.mfa.adapter.DefaultMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tare"

TARE_SMTP = env.url("TARE_SMTP_URL", schemes=("smtp", "smtps"), default="")
ACCOUNT_EMAIL_NOTIFICATIONS = bool(TARE_SMTP)
DEFAULT_FROM_EMAIL = env.text("TARE_MAIL_FROM", default=f"tare@{_origin.hostname}")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if TARE_SMTP else 'console'}.EmailBackend"
EMAIL_TIMEOUT = 5
if TARE_SMTP:
    EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = env.server(TARE_SMTP, port=587)
    EMAIL_USE_SSL = TARE_SMTP.startswith("smtps:")
    EMAIL_USE_TLS = not EMAIL_USE_SSL

# --- the browser ------------------------------------------------------------------------------------------------------

_host_prefix = "__Host-" if _https else ""
SESSION_ENGINE = "raters.sessions"
SESSION_COOKIE_NAME = f"{_host_prefix}sessionid"
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_TOUCH_SECONDS = 5 * 60
SESSION_LONGEST_SECONDS = 24 * 3600
CSRF_COOKIE_NAME = f"{_host_prefix}csrftoken"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
# whether every other host of the domain speaks https, and for ever, is not ours to promise
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
# believed only when TARE_PROXIES says that a proxy of ours stands in front and sets it
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TARE_PROXIES else None
# not no-referrer: a browser would then send "Origin: null" with every form, which the CSRF check rightly refuses
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
    "object-src": ["'none'"],
    "worker-src": ["'self'"],
    # a string becomes markup or code only through a policy of one of these names: htmx's, and that of our own files
    "trusted-types": ["htmx", "tare", "'allow-duplicates'"],
    "require-trusted-types-for": ["'script'"],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR / "media"}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- programs ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["raters.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["raters.api_parsers.StrictJson"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "raters.api_pages.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "raters.problems.handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tare",
    "DESCRIPTION": "Import prompts, choose what raters are asked, read judgments, freeze preference datasets, "
    "follow runs and models. One token, one project.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ModelKind": "training.models.ModelVersion.Kind",
        "RunKind": "training.models.Run.Kind",
        "RunState": "training.models.Run.State",
        "SnapshotState": "snapshots.models.Snapshot.State",
    },
}

# --- work -------------------------------------------------------------------------------------------------------------

TARE_LEASE_SECONDS = env.number("TARE_LEASE_SECONDS", default=900, unit="seconds", least=30)
TARE_RUN_LEASE_SECONDS = env.number("TARE_RUN_LEASE_SECONDS", default=60, unit="seconds", least=5)
TARE_RUN_LIMIT_SECONDS = env.number("TARE_RUN_LIMIT_SECONDS", default=24 * 3600, unit="seconds", least=60)
# of a live conversation: how long an answer may get, and how long a model nobody talks to stays in memory
TARE_LIVE_TOKENS = env.number("TARE_LIVE_TOKENS", default=256, unit="tokens", least=16, most=8192)
TARE_LIVE_IDLE_SECONDS = env.number("TARE_LIVE_IDLE_SECONDS", default=600, unit="seconds", least=10)
TARE_HELP_LINE = env.text(
    "TARE_HELP_LINE",
    default="If something you read stays with you, talk to your lead or to somebody you trust. "
    "In an emergency call your local emergency number.",
)
TARE_RUNS = VAR / "runs"
TARE_EXPORTS = VAR / "snapshots"

# What a change rings: the table that PostgreSQL names in its NOTIFY, and the tasks that look whether there is work.
BELLS = {
    "annotation_judgment": ["annotation.fold"],
    "annotation_batch": ["evaluation.advance"],
    "annotation_rendering": ["annotation.render"],
    "annotation_conversation": ["training.converse"],
    "annotation_exchange": ["training.converse"],
    "snapshots_snapshot": ["snapshots.build", "evaluation.advance"],
    "training_run": ["training.work", "evaluation.advance"],
    "evaluation_round": ["evaluation.advance"],
}

CELERY_BROKER_URL = embedded.redis_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# all three names, because the shortest visibility timeout that anything reads wins
_visibility = {"visibility_timeout": 3600}
CELERY_BROKER_TRANSPORT_OPTIONS = _visibility | {
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "health_check_interval": 15,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = _visibility
CELERY_VISIBILITY_TIMEOUT = 3600
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# the pools of the gpu and generate queues know no limit; their tasks end their children themselves
CELERY_TASK_TIME_LIMIT = 900
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"training.work": {"queue": "gpu"}, "training.converse": {"queue": "generate"}}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "beat")
# every bell again and again: a notification that nobody heard costs half a minute, never work
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": timedelta(seconds=30), "options": {"expires": 30}}
    for task in sorted({task for tasks in BELLS.values() for task in tasks})
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logs.OneLine", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("TARE_LOG_LEVEL", default="INFO").upper()},
    # Django's own handlers would say everything twice, and mail it to nobody
    "loggers": {"django": {"handlers": [], "propagate": True}, "django.server": {"handlers": [], "propagate": True}},
}
