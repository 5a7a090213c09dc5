"""The cards of all measures and metrics, a file a family."""
