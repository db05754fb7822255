"""What tests share beside `conftest.py` and `factories.py`: servers, clients, brokers, waiting."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
