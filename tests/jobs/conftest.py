"""Jobs are ended with the test that started them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ragft_core.jobs import list_jobs
from ragft_core.settings import Settings
from ragft_core.workspace import list_workspaces


@pytest.fixture(autouse=True)
def _no_job_outlives_its_test(settings: Settings) -> Iterator[None]:
    """A job would go on after a failed test, as jobs do."""
    yield
    for workspace in list_workspaces(settings):
        for job in list_jobs(workspace):
            job.stop(force=True)
