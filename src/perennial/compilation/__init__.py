"""From fitted estimators to what an engine runs, one module an engine."""
