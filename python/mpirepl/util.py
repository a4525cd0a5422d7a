"""Helpers for functions that are sent to engines."""

from mpirepl.dependency import interactive

__all__ = ["interactive"]
