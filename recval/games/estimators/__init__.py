"""Estimators of semi-values."""
