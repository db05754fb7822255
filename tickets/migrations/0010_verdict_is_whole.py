"""A verdict that passed tells of every check of its gate."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0009_evidence_in_order")]
    operations = [triggers.install(__file__, "verdict_is_whole", pinned=["omoi_verdict_is_whole()"])]
