"""Metrics of each task, and what they share."""
