from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0007_paused_at")]
    operations = [
        migrations.AddField(
            model_name="project",
            name="workflows",
            field=ArrayField(
                base_field=models.CharField(max_length=100),
                blank=True,
                default=list,
                help_text="names of other workflows its tickets may follow; empty: none",
                size=None,
            ),
        ),
    ]
