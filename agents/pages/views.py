"""Signing in, by password or by a one-time link, and signing out."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth import get_user_model, login, views
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agents.models import SignInTry, TooManyTries, access_log
from agents.models.sign_in import holder, redeem
from omoi_site.database import sql
from omoi_site.serving.client_address import network


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "Name and password do not match. Both are case-sensitive.",
        "inactive": "This account is disabled.",
    }

    def clean(self) -> dict[str, Any]:
        name, address = self.cleaned_data.get("username") or "", address_of(cast("HttpRequest", self.request))
        try:
            SignInTry.objects.count_in(name, address)
            cleaned = super().clean()
        except TooManyTries as refused:
            self.refused = refused
            self.add_error(None, f"{refused.message[:1].upper()}{refused.message[1:]}.")
            self._log("sign_in_refused", name, address)
            return self.cleaned_data
        except ValidationError:
            self._log("sign_in_failed", name, address)
            raise
        if self.get_user():  # without a password there was no try
            SignInTry.objects.forget(name, address)
        return cleaned

    @staticmethod
    def _log(kind: str, name: str, address: str) -> None:
        """Record the name only if a user has it: people may type their password into the wrong field."""
        user = get_user_model().objects.filter(username=name).first()
        access_log.note(kind, who=user, address=address, by="anonymous")


@method_decorator(never_cache, name="dispatch")
class SignIn(views.LoginView):
    template_name = "agents/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        refused = getattr(form, "refused", None)
        answer = self.render_to_response(
            self.get_context_data(form=form), status=refused.status if refused else 422
        )
        if refused:
            answer["Retry-After"] = str(refused.retry_after_s)
        return answer

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        signed_in(self.request, "password")
        return answer


class SignOut(views.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            access_log.note("signed_out", who=request.user, address=address_of(request))
        return super().post(request, *args, **kwargs)


def signed_in(request: HttpRequest, way: str) -> None:
    access_log.note("signed_in", who=request.user, address=address_of(request), way=way)


def address_of(request: HttpRequest) -> str:
    return network(request.META.get("REMOTE_ADDR", ""))


sign_in = SignIn.as_view()
sign_out = SignOut.as_view()


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own sign-in page counts no tries, so redirect to ours. A person who is already signed in
    lacks the right.
    """
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    return redirect(f"{reverse('login')}{query}")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sql.atomic
def once(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """A GET only shows the button: previews and scanners open links, and would use this one up."""
    user = redeem(uid, token) if request.method == "POST" else holder(uid, token)
    if user is None:
        return render(request, "agents/link_used.html", status=410)
    if request.method != "POST":
        return render(request, "agents/sign_in_once.html", {"user_name": user.get_username()})
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    signed_in(request, "link")
    return redirect("overview")
