"""Settings, read from the environment. Every default is safe on a loopback address."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

from omoi_site import logs, networks
from omoi_site.database import location
from omoi_site.errors import OmoiError
from omoi_site.serving import error_answers
from omoi_site.setup import artifact_storage, paths
from omoi_site.setup.secrets import secret_key

ROOT = Path(__file__).resolve().parent.parent
OMOI_HOME = Path(os.environ.get("OMOI_HOME") or ROOT / ".omoi").absolute()


def ending(refusal: OmoiError) -> SystemExit:
    """The exit of a command that fails before Django runs it; as JSON if the command was given `--json`."""
    if "--json" not in sys.argv:
        return SystemExit(f"{refusal.message} {refusal.next_action}".strip())
    print(json.dumps(refusal.problem))
    return SystemExit(1)


DEVELOPMENT = os.environ.get("OMOI_DEV") == "1"  # set by `manage.py dev` for the roles it runs
DEBUG = DEVELOPMENT or os.environ.get("OMOI_DEBUG") == "1"
LOOKING = sys.argv[1:2] == ["doctor"]  # doctor creates nothing, and reports errors instead of ending here
SETTLING = LOOKING or sys.argv[1:2] in (
    ["up"],
    ["test"],
)  # these can handle a copied OMOI_HOME, or do not need it
DATABASES = {
    "default": {
        "ENGINE": "omoi_site.database.backend",
        "HOST": "",
        "PORT": "",
        "NAME": "omoi",
        "USER": "omoi",
        "PASSWORD": "",
    }
}
try:
    SECRET_KEY = secret_key(OMOI_HOME, make=not LOOKING)
    if not SECRET_KEY:
        raise SystemExit(
            f"{OMOI_HOME / 'secret_key'} is empty. Remove it; the next start makes a new one."
            " Then everybody must sign in again."
        )
    DATABASES = {"default": location.database(OMOI_HOME)}
    location.owner(OMOI_HOME)
except location.BadAddress as error:
    if not LOOKING:
        raise ending(error) from error
except paths.Displaced as error:
    if not SETTLING:
        raise ending(error) from error
except OSError as error:
    SECRET_KEY = secrets.token_urlsafe(48)
    if not LOOKING:
        wayout = (
            "Free some space"
            if error.errno in error_answers.NO_ROOM
            else "Run this as the user it belongs to"
        )
        raise SystemExit(
            f"OMOI_HOME is {OMOI_HOME}, and {error.filename or 'it'} cannot be used: {error.strerror}."
            f" {wayout}, or set OMOI_HOME to a folder of your own."
        ) from error
ALLOWED_HOSTS = os.environ.get("OMOI_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
try:  # beside the addresses of the public internet, those to which Omoi itself connects
    ALLOWED_NETWORKS = networks.named(os.environ.get("OMOI_ALLOWED_NETWORKS", ""))
except ValueError as error:
    raise SystemExit(
        f"OMOI_ALLOWED_NETWORKS: {error}. Write networks such as 10.0.0.0/8,fd00::/8."
    ) from error
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("OMOI_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "omoi_site.apps.SiteConfig",  # its commands replace Django's
    "omoi_site.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_fsm",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "agents",
    "tickets",
    "collaboration",
]

API_MIDDLEWARE = [  # of API requests with a key and no cookie
    "agents.middleware.refused_requests.refused_requests_middleware",
    "django.middleware.common.CommonMiddleware",
]
MIDDLEWARE = [
    "omoi_site.serving.api_middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "omoi_site.serving.compression.Static",
    "omoi_site.serving.compression.Pages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "agents.middleware.idle_session.idle_session_middleware",
    "agents.middleware.refused_requests.refused_requests_middleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "agents.middleware.large_bodies.large_bodies_middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "omoi_site.serving.api_middleware.innermost",
]

ROOT_URLCONF = "omoi_site.urls"

UNCACHED = [  # templates are read anew on each request
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": not DEVELOPMENT,
        "OPTIONS": {
            **({"loaders": UNCACHED} if DEVELOPMENT else {}),
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": [
                "django.templatetags.l10n",
                "django.templatetags.static",
                "omoi_site.templatetags.navigation",
                "omoi_site.templatetags.omoi",
                "tickets.templatetags.tickets",
                "tickets.templatetags.addresses",
                "tickets.templatetags.agents",
                "tickets.templatetags.buttons",
                "tickets.templatetags.frame",
                "tickets.templatetags.projects",
                "tickets.templatetags.task_graph",
            ],
        },
    }
]

if DEVELOPMENT:
    INSTALLED_APPS.append("zeal")
    MIDDLEWARE[:0] = [
        "omoi_site.serving.request_sql.request_sql_middleware",
        "zeal.middleware.zeal_middleware",  # a page with one query per row fails; the error names the line
    ]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False
ARTIFACTS_IN_DATABASE = artifact_storage.in_database()
try:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "omoi_site.serving.static_files.Versioned"},
        "artifacts": artifact_storage.described(OMOI_HOME),
    }
except artifact_storage.BadStorage as error:
    raise ending(error) from error

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in {
        "UserAttributeSimilarityValidator": {},
        "MinimumLengthValidator": {"min_length": 10},
        "CommonPasswordValidator": {},
        "NumericPasswordValidator": {},
    }.items()
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# The server knows from the proxies in FORWARDED_ALLOW_IPS whether a request came by https. A header that any
# client can send would not be safe.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("OMOI_TLS") == "1"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(
    os.environ.get("OMOI_IDLE_S", str(12 * 3600))
)  # since the person's last request, to within five minutes
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = (
    1 << 20
)  # text fields of a form; the bridge limits whole bodies before a thread is taken
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "agents.api.auth.KeyAuthentication",
        "agents.api.auth.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["agents.api.auth.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["agents.api.strict_json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "agents.api.openapi.Schema",
    "EXCEPTION_HANDLER": "agents.api.problems.handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Omoi",
    "DESCRIPTION": "The control room for a fleet of coding agents and the people who run it.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "agents.api.openapi.anything_may_be_null",
    ],
    "ENUM_NAME_OVERRIDES": {
        "AgentKind": ["worker", "validator", "monitor", "guardian"],
        "HolderKind": ["worker", "validator", "monitor", "guardian", "person"],
        "AgentState": ["available", "maintenance", "draining", "quarantined", "retired"],
        "AgentStatus": "tickets.models.claim.workload.STATUSES",
        "FailureKind": "tickets.models.claim.failure_kind.KINDS",
        "TaskState": ["pending", "claimed", "completed", "failed", "cancelled"],
        "BlockedClass": "tickets.models.ticket.fields.BlockedClass",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

BROKER_URL = os.environ.get("BROKER_URL", "")  # empty: PostgreSQL
WORKER_CONCURRENCY = int(os.environ.get("WORKER_CONCURRENCY", "4"))
WORKER_LEASE_S = int(
    os.environ.get("OMOI_WORKER_LEASE_S", "60")
)  # a killed worker's tasks are ready again after this
WORKER_BEAT_S = float(
    os.environ.get("OMOI_WORKER_BEAT_S", "5")
)  # how soon a worker learns that it has lost a claim
CONTEXT_TOKENS = int(os.environ.get("OMOI_CONTEXT_TOKENS", "2000"))  # what a claim gets of earlier phases
CONTEXT_SUMMARISER = os.environ.get("OMOI_CONTEXT_SUMMARISER", "")  # a function; empty: our own
CONTEXT_SUMMARISER_S = float(os.environ.get("OMOI_CONTEXT_SUMMARISER_S", "2"))  # how long it may take
WORKER_POLL_S = float(os.environ.get("OMOI_WORKER_POLL_S", "3"))  # how long a lost hint delays
WORKER_GRACE_S = float(
    os.environ.get("OMOI_WORKER_GRACE_S", "30")
)  # how long running work may go on after its worker was asked to stop
SANDBOX = os.environ.get("OMOI_SANDBOX", "auto")  # of jobs: auto, bwrap (nothing runs without it) or none
REQUEST_THREADS = int(os.environ.get("OMOI_THREADS", "8"))
SIGN_IN_THREADS = int(os.environ.get("OMOI_SIGN_IN_THREADS", "1"))  # threads that only hash passwords
CONNECTIONS = int(os.environ.get("OMOI_CONNECTIONS", "2000"))  # from one address
WAITS = int(os.environ.get("OMOI_WAITS", "500"))  # live sockets and waiting requests of one principal
REPOSITORY_BYTES = int(os.environ.get("OMOI_REPOSITORY_MIB", "2048")) << 20  # the mirror of one, at most
BODY_MIB = int(
    os.environ.get("OMOI_BODY_MIB", "256")
)  # bytes of one principal in bodies that are being sent or processed
BODY_S = float(os.environ.get("OMOI_BODY_S", "60"))  # for a body to arrive; ten times as long for a file
DRAIN_S = float(
    os.environ.get("OMOI_DRAIN_S", "1")
)  # keep serving after a SIGTERM, while load balancers that watch /readyz turn away

LOGGING = logs.to_stderr(os.environ.get("OMOI_LOG_LEVEL", "INFO").upper())
