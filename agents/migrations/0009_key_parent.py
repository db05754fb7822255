import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_project_workflows")]
    operations = [
        migrations.AddField(
            model_name="key",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                help_text="the key it was made with, and ends with",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="made",
                to="agents.key",
            ),
        ),
    ]
