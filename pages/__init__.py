"""The screen: one folder a step, and what they share in ``ui``."""
