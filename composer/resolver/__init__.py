"""Spec and sources → plan: one pass a file, listed in resolve.py."""
