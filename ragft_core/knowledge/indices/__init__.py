"""The indices of a table of chunks: by words, and by the nearest vectors where that pays."""
