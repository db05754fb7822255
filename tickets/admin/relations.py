"""Needs, links, comments, notices and launches of task templates."""

from __future__ import annotations

from django.contrib import admin
from django.utils.text import Truncator

from omoi_site.admin_base import ReadOnlyModelAdmin, since
from omoi_site.admin_lists import RecentValuesFilter
from tickets.admin.filters import PhaseFilter
from tickets.models import Awaited, Comment, Link, Need, Notice, TemplateLaunch


@admin.register(Need)
class NeedAdmin(ReadOnlyModelAdmin):
    inside = "child__project"
    list_display = ["child", "parent", "on_end", "on_failure"]
    list_filter = ["on_end", "on_failure"]
    search_fields = ["=child__ticket__key", "=parent__ticket__key"]
    list_select_related = ["child", "parent"]
    ordering = ["-id"]


@admin.register(Link)
class LinkAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "kind", "other"]
    list_filter = [("kind", RecentValuesFilter)]
    search_fields = ["=ticket__key", "=other__key"]
    list_select_related = ["ticket", "other"]
    ordering = ["-id"]


@admin.register(Awaited)
class AwaitedAdmin(ReadOnlyModelAdmin):
    inside, internal = "ticket__project", True
    list_display = ["ticket", "kind", "source_id"]
    list_filter = [("kind", RecentValuesFilter)]
    search_fields = ["=ticket__key", "=source_id"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


@admin.register(Notice)
class NoticeAdmin(ReadOnlyModelAdmin):
    inside = "project"
    list_display = ["ticket", "phase", "role", since("at"), "seen_by", since("seen_at")]
    list_filter = ["role", ("seen_at", admin.EmptyFieldListFilter), ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=seen_by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]


@admin.register(Comment)
class CommentAdmin(ReadOnlyModelAdmin):
    inside = "ticket__project"
    list_display = ["ticket", "author", "shown_body", "source", since("created_at")]
    list_filter = [("created_at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=author", "=source"]
    list_select_related = ["ticket"]
    ordering = ["-id"]

    @admin.display(description="comment")
    def shown_body(self, comment: Comment) -> str:
        return Truncator(comment.body).chars(100)


@admin.register(TemplateLaunch)
class TemplateLaunchAdmin(ReadOnlyModelAdmin):
    inside, internal = "ticket__project", True
    list_display = ["ticket", "phase", "key", "by", since("at")]
    list_filter = [PhaseFilter, ("at", admin.DateFieldListFilter)]
    search_fields = ["=ticket__key", "=key", "=by"]
    list_select_related = ["ticket"]
    ordering = ["-id"]
