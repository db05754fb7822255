from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "omoi_site"
    verbose_name = "Omoi"

    def ready(self) -> None:
        from omoi_site import broker
        from omoi_site.backend import lookups

        lookups.register()
        broker.get()  # a BROKER_URL that cannot be is refused at the start, not at the first hint
