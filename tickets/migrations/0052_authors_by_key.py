"""Whoever made the key that completed a task of the phase is an author, whoever owns the agent."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0051_approvals_of_a_version")]

    operations = [
        triggers.install(__file__, "authors_by_key", pinned=["omoi_authors(bigint, text)"]),
    ]
