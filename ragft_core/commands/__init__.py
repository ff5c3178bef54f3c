"""The commands of ``python -m ragft_core``, a module for each part of the product."""

from ragft_core.commands.app import app

__all__ = ["app"]
