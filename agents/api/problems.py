"""Turns every error into a problem document, whatever raised it."""

from __future__ import annotations

import logging
from typing import Any

import psycopg.errors
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from agents.api.auth import Unauthorized
from agents.api.parsing import faults_of
from omoi_site.errors import Forbidden, Malformed, NotFound, OmoiError, TooLarge
from omoi_site.serving.error_answers import Away, Crash, StorageFull, connection_lost, storage_full

log = logging.getLogger(__name__)
PROBLEM = "application/problem+json"
BUSY = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


class MethodNotAllowed(OmoiError):
    """The address exists, but does not support this method."""

    code = "method_not_allowed"
    status = 405
    title = "This address does not support that method"


class UnsupportedMediaType(OmoiError):
    """This address does not accept the content type of the body."""

    code = "unsupported_media_type"
    status = 415
    title = "This address does not accept that content type"


class Overloaded(OmoiError):
    """The database did not finish in time; nothing was changed."""

    code = "busy"
    status = 503
    title = "The database is too busy"
    next_action = "Nothing was changed. Try again in a second."


def handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: always an answer, never a stack trace."""
    error_named = named(error)
    if isinstance(error, exceptions.UnsupportedMediaType) and (view := context.get("view")):
        kinds = " or ".join(parser.media_type for parser in view.get_parsers())
        error_named.next_action = f"Send the body with the header Content-Type: {kinds}."
    response = Response(error_named.problem, status=error_named.status, content_type=PROBLEM)
    if error_named.status in (429, 503):
        response["Retry-After"] = str(error_named.retry_after_s)
    if error_named.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="omoi"'
    if isinstance(error, exceptions.MethodNotAllowed):
        view = context.get("view")
        response["Allow"] = ", ".join(view.allowed_methods) if view else ""
    return response


def named(error: Exception) -> OmoiError:
    """The same refusal as an OmoiError."""
    match error:
        case OmoiError():
            return error
        case Http404() | exceptions.NotFound():
            return NotFound("there is nothing at this address")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return Unauthorized(str(error.detail))
        case exceptions.PermissionDenied() | PermissionDenied():
            return Forbidden(str(error))
        case exceptions.MethodNotAllowed():
            return MethodNotAllowed(str(error.detail))
        case exceptions.UnsupportedMediaType() | exceptions.NotAcceptable():
            return UnsupportedMediaType(str(error.detail))
        case exceptions.ValidationError():
            return faults_of(error.detail).refusal
        case RequestDataTooBig():
            return TooLarge("the text fields of a form may have at most 1 MiB. Send a larger text as a file")
        case exceptions.ParseError() | SuspiciousOperation() | BadRequest():
            return Malformed(str(error))
        case OperationalError() if isinstance(error.__cause__, BUSY):
            return Overloaded()
        case OperationalError() if connection_lost(error):
            return Away()
    log.error("a request failed", exc_info=error)
    return StorageFull() if storage_full(error) else Crash()
