"""Estimates and targets to scores; knows no model."""
