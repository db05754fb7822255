from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "omoi_site"
    verbose_name = "Omoi"
