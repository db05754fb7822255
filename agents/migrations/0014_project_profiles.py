from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0013_reply_rights")]
    operations = [
        migrations.AddField(
            model_name="project",
            name="profiles",
            field=ArrayField(
                base_field=models.CharField(max_length=60),
                blank=True,
                default=list,
                help_text="profiles its tasks may name; only the admin of the installation grants them",
                size=None,
            ),
        ),
    ]
