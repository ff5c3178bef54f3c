"""An optional judge: another model's opinion on each answer."""
