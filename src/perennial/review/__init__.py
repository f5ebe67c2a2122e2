"""The room of review: what a pull request and a release need."""
