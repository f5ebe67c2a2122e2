"""The room of production: what serving needs."""
