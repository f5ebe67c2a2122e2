"""Parameters: each section of `params.yaml` in a module of its own."""
