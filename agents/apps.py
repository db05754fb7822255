from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents.models import event_kinds  # models can be imported only once Django has all apps

        event_kinds.declare(event_kinds.KINDS)
