"""A model's whole life in one git repository, on DVC."""
