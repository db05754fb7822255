from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0011_move_fault"),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="granted_with",
            field=models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text="mark of the settlements its claim came along with",
                max_length=32,
            ),
        ),
    ]
