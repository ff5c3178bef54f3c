"""The views of the step build."""
