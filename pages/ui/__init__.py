"""What the pages share: state, caches, components, charts, error messages."""
