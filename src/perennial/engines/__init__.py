"""What runs a compiled model, one module an engine."""
