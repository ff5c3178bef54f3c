"""One reader for each format; every table, wherever it stands, is understood by ``grids``."""
