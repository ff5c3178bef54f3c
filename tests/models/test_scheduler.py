"""People come before background work, and background work goes on."""

from __future__ import annotations

from types import SimpleNamespace

from ragft_core.models.engine.scheduler import (
    BACKGROUND_BESIDE,
    CHUNK,
    CHUNK_BACKGROUND,
    CHUNK_WATCHED,
    MAX_SEQUENCES,
    admit,
    line_up,
    plan_step,
)


def row(priority: int = 0, left: int = 1, n_new: int = 0, cancelled: bool = False):
    return SimpleNamespace(
        priority=priority,
        ids=[0] * (10 + left),
        n_computed=10,
        n_new=n_new,
        generation=SimpleNamespace(cancelled=cancelled),
    )


def test_a_person_joins_although_an_evaluation_fills_the_engine() -> None:
    evaluation = [row(1) for _ in range(MAX_SEQUENCES)]
    person = row(0)
    assert admit([*(row(1) for _ in range(50)), person], evaluation) == [person]


def test_background_rows_fill_the_engine_when_nobody_waits() -> None:
    assert len(admit([row(1) for _ in range(50)], [])) == MAX_SEQUENCES


def test_background_work_goes_on_beside_people() -> None:
    people = [row(0, n_new=3) for _ in range(2)]
    background = [row(1, n_new=3) for _ in range(MAX_SEQUENCES)]
    work = plan_step([*background, *people])
    assert [r.priority for r, _ in work] == [0, 0] + [1] * BACKGROUND_BESIDE


def test_a_long_prompt_does_not_stop_an_answer_somebody_watches() -> None:
    watched, prompt = row(0, n_new=5), row(0, left=5000)
    assert plan_step([prompt, watched]) == [(prompt, CHUNK_WATCHED), (watched, 1)]


def test_prompts_are_read_in_large_pieces_when_nobody_watches() -> None:
    prompt = row(0, left=5000)
    assert plan_step([prompt]) == [(prompt, CHUNK)]


def test_a_background_prompt_is_read_in_small_pieces_beside_people() -> None:
    person, prompt = row(0, left=30), row(1, left=5000)
    assert plan_step([prompt, person]) == [(person, 30), (prompt, CHUNK_BACKGROUND)]


def test_a_cancelled_row_that_waits_is_ended_at_once() -> None:
    cancelled = row(1, cancelled=True)
    assert admit([cancelled], [row(1) for _ in range(MAX_SEQUENCES)]) == [cancelled]


def test_who_waits_is_told_the_place_in_the_line() -> None:
    first, background, second = row(0), row(1), row(0)
    line_up([first, background, second])
    assert [item.generation.place for item in (first, second, background)] == [1, 2, 3]
