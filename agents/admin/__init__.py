"""The admin of projects, agents and people, one module per subject. Django loads this package."""

from django.contrib import admin

from agents.admin import agents, filters, journal, keys, locked_action, people, pools, projects, replies

__all__ = ["agents", "filters", "journal", "keys", "locked_action", "people", "pools", "projects", "replies"]

admin.site.site_header = admin.site.site_title = "Omoi"
admin.site.index_title = "Administration"
admin.site.site_url = "/board/"
