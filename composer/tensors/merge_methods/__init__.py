"""Merge methods, one a module."""
