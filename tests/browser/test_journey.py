"""The whole product in a real browser: from the empty state to the recommendation.

Screenshots of every page, light and wide, dark and narrow, go to ``screenshots/`` beside this
file, to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SHOTS

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAGES = ("", "documents", "examples", "finetune", "chat", "evaluation", "advisor", "portfolio")
QUESTION = "What is the suggestion scheme called?"
PATIENCE_MS = 120_000


def settled(page: Page) -> None:
    """Waits until the script has run through and the page shows what came of it."""
    page.wait_for_timeout(400)  # a click takes a moment to reach the server
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')"
        "?.getAttribute('data-test-script-state') === 'notRunning'",
        timeout=PATIENCE_MS,
    )
    page.wait_for_timeout(600)


def shot(page: Page, name: str) -> None:
    """The whole page as a picture: its main part scrolls by itself, so the window grows."""
    SHOTS.mkdir(exist_ok=True)
    size = page.viewport_size or {"width": 1440, "height": 1000}
    main = "[data-testid=stMain], [data-testid=stAppScrollToBottomContainer]"
    height = page.evaluate(f"document.querySelector('{main}').scrollHeight")
    page.set_viewport_size(
        {"width": size["width"], "height": max(size["height"], min(height, 4000))}
    )
    page.wait_for_timeout(500)
    page.screenshot(path=SHOTS / f"{name}.png")
    page.set_viewport_size(size)


def open_page(page: Page, base: str, path: str) -> None:
    page.goto(f"{base}/{path}", timeout=PATIENCE_MS)
    page.get_by_test_id("stApp").wait_for(timeout=PATIENCE_MS)
    settled(page)


def no_failure(page: Page) -> None:
    """No traceback and no internal error stands on the page."""
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    foreign: list[str] = []
    opened = context.new_page()
    opened.on(
        "request",
        lambda request: (
            None if "127.0.0.1" in request.url or request.url.startswith(("data:", "blob:"))
            else foreign.append(request.url)
        ),
    )  # fmt: skip
    yield opened
    context.close()
    assert foreign == [], "nothing may be fetched from another host"


def test_a_deep_link_on_a_fresh_server_has_the_frame(page: Page, serve: Callable[..., str]) -> None:
    base = serve()
    open_page(page, base, "chat")
    expect(page.get_by_role("heading", name="Chat")).to_be_visible()
    expect(page.get_by_role("link", name="Documents")).to_be_visible()
    expect(page.get_by_text("There is no workspace yet.")).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)
    page.get_by_role("button", name="Go to Home").click()
    expect(page.get_by_role("heading", name="Which strategy should you pick?")).to_be_visible()


def test_from_the_empty_state_to_the_recommendation(
    page: Page, browser: Browser, serve: Callable[..., str], tmp_path: Path
) -> None:
    base = serve()
    open_page(page, base, "")
    shot(page, "00-first-start")
    open_the_sample(page)
    add_documents(page, tmp_path)
    look_at_examples(page)
    fine_tune(page)
    base = serve()  # a restart: everything must still be there
    open_page(page, base, "chat")
    compare(page)
    evaluate(page)
    decide(page)
    for scheme, width in (("light", 1440), ("dark", 420)):
        look_at_every_page(browser, base, scheme, width)


def open_the_sample(page: Page) -> None:
    card = page.get_by_test_id("stVerticalBlock").filter(has_text="Knowledge:").last
    begin = card.get_by_role("button", name="Open this sample")
    begin.click()
    page.wait_for_timeout(300)
    begin.click()  # impatient
    expect(page.get_by_text("14 documents")).to_be_visible()
    settled(page)
    no_failure(page)
    shot(page, "01-home")


def add_documents(page: Page, folder: Path) -> None:
    good, bad = folder / "notes.md", folder / "broken.pdf"
    good.write_text("# Notes\n\nThe new test bench is painted orange.", encoding="utf-8")
    bad.write_bytes(b"%PDF-1.7\nthis is no PDF")
    page.get_by_role("link", name="Documents").click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    page.locator("input[type=file]").set_input_files([str(good), str(bad)])
    expect(page.get_by_test_id("stFileChipName")).to_have_count(2)
    expect(page.get_by_test_id("stFileChipIconSpinner")).to_have_count(0)
    page.get_by_role("button", name="Add to the knowledge base").click()
    expect(page.get_by_role("heading", name="Documents (15)")).to_be_visible()
    settled(page)
    question = page.get_by_placeholder("What would you ask these documents?")
    question.fill("What colour is the new test bench?")
    question.press("Enter")
    expect(page.get_by_text("painted orange").first).to_be_visible()
    settled(page)
    no_failure(page)
    shot(page, "02-documents")


def look_at_examples(page: Page) -> None:
    page.get_by_role("link", name="Examples").click()
    expect(page.get_by_role("heading", name="Examples", exact=True)).to_be_visible()
    settled(page)
    shot(page, "03-examples")
    page.get_by_text("What is trained", exact=True).click()
    settled(page)
    no_failure(page)
    shot(page, "04-what-is-trained")


def fine_tune(page: Page) -> None:
    page.get_by_role("link", name="Fine-tune").click()
    expect(page.get_by_role("heading", name="Fine-tune", exact=True)).to_be_visible()
    settled(page)
    shot(page, "05-fine-tune")
    # A short run: the journey is about the way, the benchmarks about how well it learns.
    page.get_by_text("Settings", exact=True).click()
    for label, value in (("Fewest steps", "6"), ("Most tokens", "1000"), ("Rewordings", "0")):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(value)
        field.press("Enter")
        settled(page)
    page.get_by_role("button", name="Start fine-tuning").click()
    expect(page.get_by_text("running").or_(page.get_by_text("succeeded")).first).to_be_visible()
    page.wait_for_timeout(5000)
    shot(page, "06-training")
    page.reload()
    expect(page.get_by_text("succeeded").first).to_be_visible(timeout=400_000)
    settled(page)
    no_failure(page)
    shot(page, "07-trained")


def compare(page: Page) -> None:
    box = page.get_by_placeholder("Ask every arm")
    box.fill(QUESTION)
    box.press("Enter")
    expect(page.get_by_text("Which is best?")).to_be_visible(timeout=400_000)
    settled(page)
    no_failure(page)
    shot(page, "08-chat")
    page.get_by_role("button", name="sources").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Spyhole")
    shot(page, "09-sources")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Prompt", exact=True).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("<|im_start|>")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Tie").click()
    expect(page.get_by_text("Your vote: a tie")).to_be_visible()
    box.fill("Tell me all that you know about the company, and why.")
    box.press("Enter")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("(stopped)").first).to_be_visible()
    expect(box).to_be_enabled()


def evaluate(page: Page) -> None:
    page.get_by_role("link", name="Evaluation").click()
    expect(page.get_by_role("heading", name="Evaluation", exact=True)).to_be_visible()
    settled(page)
    slider = page.get_by_role("slider", name="How many")
    slider.focus()
    slider.press("Home")
    settled(page)
    shot(page, "10-evaluation-before")
    page.get_by_role("button", name="Start the evaluation").click()
    expect(page.get_by_text("The article's claims")).to_be_visible(timeout=400_000)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=400_000)
    settled(page)
    no_failure(page)
    shot(page, "11-evaluation")


def decide(page: Page) -> None:
    page.get_by_role("link", name="Advisor").click()
    expect(page.get_by_role("heading", name="Which strategy?", exact=True)).to_be_visible()
    settled(page)
    # The first group is the choice of view; below it stands one open question for each criterion.
    groups = [group for group in page.get_by_role("radiogroup").all() if group.is_visible()]
    for group in groups[1:5]:
        group.get_by_role("radio").first.click()
        settled(page)
    expect(page.get_by_text("How often each comes first")).to_be_visible()
    no_failure(page)
    shot(page, "12-advisor")


def look_at_every_page(browser: Browser, base: str, scheme: str, width: int) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    for path in PAGES:
        open_page(page, base, path)
        no_failure(page)
        shot(page, f"{scheme}-{width}-{path or 'home'}")
        wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
        assert not wide, f"/{path} scrolls sideways at {width} px"
    context.close()
