"""RESULTS.md and report.html, written from the result files that scoring leaves."""
