"""Ops that compute."""
