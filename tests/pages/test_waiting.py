"""Work that a page waits for goes on whatever is clicked, and is done once."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest

from pages.ui.waiting import work
from ragft_core.access import Person, Role, rights


@pytest.fixture
def slow() -> tuple[Callable[[work.Told], str], Event, list[str]]:
    """Work that waits for an event, and who did it how often."""
    goes, by = Event(), []

    def do(told: work.Told) -> str:
        by.append(rights.by())
        told(0.5, "half of it")
        assert goes.wait(20)
        return "made"

    return do, goes, by


def test_work_is_done_once_however_often_it_is_asked_for(
    slow: tuple[Callable[[work.Told], str], Event, list[str]],
) -> None:
    do, goes, by = slow
    found: list[str] = []
    asking = [Thread(target=lambda: found.append(work.done("w", do))) for _ in range(3)]
    for thread in asking:
        thread.start()
    assert work.goes_on("w")
    goes.set()
    for thread in asking:
        thread.join()
    assert found == ["made"] * 3
    assert by == [""]
    assert not work.goes_on("w")


def test_an_error_reaches_the_page_and_the_next_click_begins_anew() -> None:
    def refuse(told: work.Told) -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        work.done("w", refuse)
    assert work.done("w", lambda told: "made") == "made"


def test_a_script_that_ends_meanwhile_does_not_end_the_work(
    slow: tuple[Callable[[work.Told], str], Event, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    do, goes, by = slow

    class Left(BaseException):
        """As Streamlit ends a script."""

    class Bar:
        def progress(self, *_: object, **__: object) -> None:
            raise Left

    monkeypatch.setattr(work.st, "progress", lambda *_, **__: Bar())
    with rights.acting_as(Person("anna", role=Role.EDITOR)):
        with pytest.raises(Left):
            work.done("w", do)
        assert work.goes_on("w")
        monkeypatch.undo()
        goes.set()
        work.done("w", lambda told: "made anew")
    assert by == ["anna"]
