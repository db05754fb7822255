from django.db import migrations

from omoi_site.database import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0065_progress_lease"),
    ]

    operations = [
        triggers.install(__file__, "late_completions"),
    ]
