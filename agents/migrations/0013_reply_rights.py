from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_limits")]
    operations = [
        migrations.AddField(
            model_name="reply",
            name="rights",
            field=models.JSONField(
                db_default=[],
                default=list,
                help_text="scopes and projects the answer rests on: asked again before it is given again",
            ),
        ),
    ]
