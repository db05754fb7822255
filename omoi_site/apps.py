from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from omoi_site.brokers import hints
from omoi_site.database.backend import lookups


class SiteConfig(AppConfig):
    name = "omoi_site"
    verbose_name = "Omoi"

    def ready(self) -> None:
        lookups.register()
        hints.get()  # refuse an invalid BROKER_URL at the start, not at the first hint


class Admin(AdminConfig):
    default_site = "omoi_site.admin_base.Site"
