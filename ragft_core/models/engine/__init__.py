"""The local generation engine: continuous batching of rows with different adapters."""
