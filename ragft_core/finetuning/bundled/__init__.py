"""How the two bundled adapters are trained: ``python -m ragft_core.finetuning.bundled``."""
