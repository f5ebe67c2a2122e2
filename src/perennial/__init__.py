"""Perennial: a model's whole life in one git repository."""
