"""Keys that a process knows: what it may trust, and until when."""

from __future__ import annotations

import pytest
from django.db import connection

from agents.models import Key
from agents.models.key_cache import KeyCache

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache():
    return KeyCache()


@pytest.fixture
def key(ada, operator):
    """A key and its text."""
    return Key.objects.issue(by=operator, agent=ada)


def end(key):
    Key.objects.filter(pk=key[0].pk).revoke(by="system:tests")


def test_a_known_key_is_not_read_again_until_rights_change(cache, key, django_assert_num_queries):
    assert cache.find(key[1], to_read=True)
    with django_assert_num_queries(0):
        assert cache.find(key[1], to_read=True)
        assert cache.find(key[1], to_read=False)
    end(key)
    cache.forget()
    assert cache.find(key[1], to_read=True) is None
    assert cache.find(key[1], to_read=False) is None


def test_a_key_that_was_being_read_when_rights_changed_is_not_trusted_afterwards(cache, key):
    def rights_change(execute, *statement):
        found = execute(*statement)
        cache.forget()
        return found

    with connection.execute_wrapper(rights_change):
        assert cache.find(key[1], to_read=True)
    end(key)
    assert cache.find(key[1], to_read=True) is None


def test_a_read_trusts_a_key_for_seconds_only(cache, key, monkeypatch):
    assert cache.find(key[1], to_read=True)
    end(key)
    monkeypatch.setattr("agents.models.key_cache.TRUSTED_S", 0.0)
    assert cache.find(key[1], to_read=True) is None


def test_a_flood_of_keys_does_not_fill_the_memory(cache, ada, operator, monkeypatch):
    monkeypatch.setattr("agents.models.key_cache.MOST", 3)
    for _ in range(8):
        _, text = Key.objects.issue(by=operator, agent=ada)
        cache.find(text, to_read=True)
        cache.find("omoi_unknown_key", to_read=True)
    assert len(cache.known) <= 3


def test_a_persons_key_is_not_kept(cache, operator):
    _, text = Key.objects.issue(by=operator, user=operator)
    assert cache.find(text, to_read=True) is None
    assert not cache.known
