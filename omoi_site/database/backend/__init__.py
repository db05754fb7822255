"""Django's PostgreSQL back end; its transactions carry hints."""
