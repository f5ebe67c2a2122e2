"""Where raw rows come from, one module a source."""
