"""Training machinery; knows (loss, stats, weight) and no paper."""
