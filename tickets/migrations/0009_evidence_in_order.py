"""A verdict dies too when another artifact of the same type becomes the one that is read."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("tickets", "0008_work")]
    operations = [triggers.install(__file__, "evidence_in_order", pinned=["omoi_evidence(bigint, text)"])]
