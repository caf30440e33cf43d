"""Functions of the API that are methods of the default graph: collections, devices, containers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from rnngraph.frontend.framework.graph import get_default_graph


def add_to_collection(name: Any, value: Any) -> None:
    """Append to a collection of the default graph. Source: tf.add_to_collection."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append to several collections, once each. Source: tf.add_to_collections."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """A copy of a collection; with `scope`, items whose `name` matches that regular expression at its start.

    Source: tf.get_collection.
    """
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """The collection itself: a list that may be changed. Source: tf.get_collection_ref."""
    return get_default_graph().get_collection_ref(key)


def device(device_name_or_function: Any) -> AbstractContextManager[None]:
    """Record a device on ops made inside; it has no effect. Source: tf.device."""
    return get_default_graph().device(device_name_or_function)


def container(container_name: str) -> AbstractContextManager[str]:
    """Accepted, without effect. Source: tf.container."""
    return get_default_graph().container(container_name)


def colocate_with(op: Any, ignore_existing: bool = False) -> AbstractContextManager[None]:
    """Accepted, without effect. Source: tf.colocate_with."""
    return get_default_graph().colocate_with(op, ignore_existing)
