"""The views of the step compare."""
