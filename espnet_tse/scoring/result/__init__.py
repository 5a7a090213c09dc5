"""From records to result files: means, intervals, the conditions of scoring, comparison of systems."""
