"""Lanes in less room, because a claim reads them all."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0071_others_cancelled"),
    ]

    operations = [
        triggers.install(__file__, "narrow_lanes"),
    ]
