"""The cards of all measures and metrics, one file per family."""
