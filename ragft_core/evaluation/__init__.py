"""The evaluation lab."""
