"""Finished cases: the tour through one, and the line that says what of it was made elsewhere."""
