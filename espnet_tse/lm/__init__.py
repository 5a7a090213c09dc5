"""Conditions to codes: language models over codec codes."""
