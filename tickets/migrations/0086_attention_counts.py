from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0085_phase_holds"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttentionCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=40)),
                ("who", models.CharField(help_text="the role that must act", max_length=20)),
                ("number", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("project_id", "kind", "who"), name="attentioncount_once")
                ],
            },
        ),
    ]
