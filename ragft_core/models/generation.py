"""The handle of a running generation, local or remote."""

from __future__ import annotations

import threading

from ragft_core.errors import ModelError
from ragft_core.types import Completion


class RunningGeneration:
    """See ``Generation``. Written by one thread, read by any.

    ``place`` is its place in the line, 0 where nothing waits or it is being answered.
    """

    def __init__(self) -> None:
        self._text = ""
        self._ended = threading.Event()
        self._completion: Completion | None = None
        self._error: ModelError | None = None
        self.cancelled = False
        self.place = 0

    @property
    def text(self) -> str:
        """The text so far."""
        return self._text

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ends it soon; what was generated is kept."""
        self.cancelled = True

    def result(self, timeout: float | None = None) -> Completion:
        """Waits for the end.

        Raises:
            ModelError: The generation failed.
            TimeoutError: It did not end within ``timeout`` seconds.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"The answer was not complete after {timeout} s.")
        if self._error is not None:
            raise self._error
        assert self._completion is not None
        return self._completion

    def show(self, text: str) -> None:
        """Replaces the text so far."""
        self._text = text

    def succeed(self, completion: Completion) -> None:
        """Ends it with a result."""
        self._text = completion.text
        self._completion = completion
        self._ended.set()

    def fail(self, error: ModelError) -> None:
        """Ends it with an error, which every caller of ``result`` gets."""
        self._error = error
        self._ended.set()
