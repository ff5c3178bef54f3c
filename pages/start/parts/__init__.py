"""The views of the step start."""
