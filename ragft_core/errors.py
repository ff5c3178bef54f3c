"""Errors a user can act on.

    RagftError
    +-- SettingsError           a setting or a workspace file that cannot be used
    +-- WorkspaceError          the workspace is missing, locked or of another version
    +-- DocumentError           a file that cannot become a document
    +-- RetrievalError          the index is missing, or was built by another embedder
    +-- ModelError              a model or adapter that cannot be used
    |   +-- ConsentError        a workspace from elsewhere names it, and nobody agreed yet
    +-- TrainingDataError       examples that cannot be trained on
    +-- JobError                a job that is missing, or in the wrong state
    +-- EvaluationError         questions or answers that cannot be scored
    +-- AdvisorError            a criteria or answers file that cannot be used

The message says what is wrong, with the value; the remedy says what to do. Pages and the command
line show these two and nothing else. Any other exception is a bug and keeps its traceback.
"""


class RagftError(Exception):
    """Base of every error meant for the user.

    Args:
        message: What is wrong and why, in the user's words.
        remedy: What to do about it; empty where the message already says so.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """The message, followed by the remedy when there is one."""
        return f"{self.message} {self.remedy}".strip()


class SettingsError(RagftError):
    """A setting, or a file that holds settings, cannot be used."""


class WorkspaceError(RagftError):
    """The workspace is missing, locked or cannot be read."""


class DocumentError(RagftError):
    """A file cannot become a document."""


class RetrievalError(RagftError):
    """The index is missing, damaged, or was built by another embedder."""


class ModelError(RagftError):
    """A model, an adapter or an endpoint cannot be used."""


class ConsentError(ModelError):
    """A workspace from elsewhere names a model that nobody on this machine has agreed to."""


class TrainingDataError(RagftError):
    """Examples cannot be imported or trained on."""


class JobError(RagftError):
    """A job does not exist, or is in the wrong state for what was asked."""


class EvaluationError(RagftError):
    """Questions or answers cannot be scored."""


class AdvisorError(RagftError):
    """A criteria file or a set of answers cannot be used."""
