"""Signals to values: measures, the cards of the metrics, weights; one signal or pair at a time."""
