"""Addresses that a page names very often, each put together once."""

from __future__ import annotations

import functools

from django import template
from django.urls import reverse

register = template.Library()
KEPT = 10_000


@functools.lru_cache(KEPT)
def ticket_address(key: str) -> str:
    return reverse("ticket", args=[key])


@functools.lru_cache(KEPT)
def action_address(key: str, name: str) -> str:
    return reverse("action", args=[key, name])


@functools.lru_cache(KEPT)
def task_action_address(key: str, task: int, name: str) -> str:
    return reverse("task_action", args=[key, task, name])


@functools.lru_cache(KEPT)
def discovery_action_address(key: str, discovery: int, name: str) -> str:
    return reverse("discovery_action", args=[key, discovery, name])


@functools.lru_cache(KEPT)
def task_page(key: str) -> str:
    return reverse("tasks:detail", args=[key])


register.simple_tag(ticket_address)
register.simple_tag(task_page)
