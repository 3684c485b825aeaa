"""The content-addressed store: objects by digest, recipes and facts that lead to them, locks."""

from __future__ import annotations

from composer.store.objects import StoredObject
from composer.store.pruning import Pruned
from composer.store.store import Store, default_store

__all__ = ["Pruned", "Store", "StoredObject", "default_store"]
