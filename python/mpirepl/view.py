"""Views: ways to use some of the engines."""

from mpirepl._balanced_view import LoadBalancedView
from mpirepl._direct_view import BroadcastView, DirectView
from mpirepl._lazy_map import LazyMapIterator
from mpirepl._view import View
from mpirepl.serialize import Reference

__all__ = [
    "BroadcastView",
    "DirectView",
    "LazyMapIterator",
    "LoadBalancedView",
    "Reference",
    "View",
]
