"""Means with intervals, paired differences and tests, resampled by cluster."""
