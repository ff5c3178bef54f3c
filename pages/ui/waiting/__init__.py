"""What a page waits for."""
