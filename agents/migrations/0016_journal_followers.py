"""The journal sends a NOTIFY only while one of its followers is asleep."""

from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [("agents", "0015_texts")]
    operations = [triggers.install(__file__, "journal_followers", pinned=["omoi_ring()"])]
