"""The views of the step decide."""
