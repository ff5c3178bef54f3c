"""Pictures of every page, and what axe-core finds on it, in both colour schemes.

    python -m tests.benchmarks.looks http://127.0.0.1:8501 --workspace W --to FOLDER
        [--axe package/axe.min.js] [--widths 1440 420] [--only chat] [--password P]

With ``--password`` it signs in first (``RAGFT_SIGN_IN=password``), and sees the sign-in, People and
a workspace's members as well. The app runs already and holds the workspace; a finished sample shows every view. axe-core is no
part of the project: ``npm pack axe-core`` brings its file. Ends with 1 where something serious or
critical was found. It reads what is on the screen: a colour on a gradient or in a canvas it leaves
to people, so that the pictures want to be looked at as well.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import SWITCHES
from tests.browser.test_journey import PATIENCE_MS, open_page, settled

VIEWS = {
    "home": "",
    "files": "",
    "samples": "",
    "archive": "",
    "who": "people",
    "documents": "documents",
    "change": "documents",
    "tuning": "documents",
    "examples": "examples",
    "finetune": "finetune",
    "chat": "chat",
    "setup": "evaluation?eval=new",
    "evaluation": "evaluation",
    "questions": "evaluation?eval_view=Questions",
    "costs": "evaluation?eval_view=Time+and+side+effects",
    "claims": "evaluation?eval_view=The+article%27s+claims",
    "runs": "evaluation?eval_view=Two+runs",
    "confidence": "evaluation?eval_view=Confidence",
    "advisor": "advisor",
    "people": "advisor?advisor_view=People",
    "why": "advisor?advisor_view=Why",
    "what-if": "advisor?advisor_view=What+if",
    "cost": "advisor?advisor_view=Cost",
    "article": "advisor?advisor_view=The+article",
    "record": "advisor?advisor_view=Next+steps+and+record",
    "portfolio": "portfolio",
}
# What stands behind a click.
OPENED = {
    "files": "Settings of this workspace",
    "samples": "Open a sample or make a workspace",
    "archive": "Archived: ",
    "change": "Change a fact and see who follows",
    "tuning": "Tune the search on your examples",
}
GRAVE = ("serious", "critical")
MAIN = "[data-testid=stMain], [data-testid=stAppScrollToBottomContainer]"
TALLEST = 6000
LOOK = "() => axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--run", default="", help="the evaluation to show")
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--axe", type=Path)
    parser.add_argument("--widths", type=int, nargs="+", default=[1440, 420])
    parser.add_argument("--schemes", nargs="+", default=["light", "dark"])
    parser.add_argument("--only", nargs="+", default=list(VIEWS))
    parser.add_argument("--password", default="", help="the lab's password, where it asks for one")
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    grave = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=SWITCHES
        )
        for scheme in asked.schemes:
            for width in asked.widths:
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=scheme,
                    reduced_motion="reduce", bypass_csp=True,
                )  # fmt: skip
                context.set_default_timeout(PATIENCE_MS)
                page = context.new_page()

                def look(name: str, page: Page = page, seen: str = f"{scheme} {width}") -> int:
                    _whole(page)
                    page.screenshot(path=asked.to / f"{name}-{seen.replace(' ', '-')}.png")
                    lines = list(_found(page, asked.axe)) if asked.axe else []
                    for line in lines:
                        print(f"{name} {seen}: {line}", flush=True)
                    return sum(line.startswith(GRAVE) for line in lines)

                if asked.password:
                    open_page(page, asked.url, "")
                    grave += look("sign-in")
                for name in asked.only:
                    page.set_viewport_size({"width": width, "height": 900})
                    open_page(page, asked.url, _address(name, asked.workspace, asked.run))
                    if asked.password:  # a visit ends with its page
                        _sign_in(page, asked.password)
                    folded = page.get_by_text(OPENED.get(name, "-"))
                    if name in OPENED and folded.count():  # nothing may be archived
                        folded.first.click()
                        page.wait_for_timeout(800)  # it unfolds, and what stands in it is drawn
                    grave += look(name)
                context.close()
        browser.close()
    print(f"serious or critical: {grave}")
    sys.exit(1 if grave else 0)


def _sign_in(page: Page, password: str) -> None:
    page.get_by_role("textbox", name="Your name").fill("Anna")
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for(state="attached")
    settled(page)


def _address(name: str, workspace: str, run: str) -> str:
    path, _, query = VIEWS[name].partition("?")
    pinned = f"&eval={run}" if run and path == "evaluation" and "eval=" not in query else ""
    return f"{path}?workspace={workspace}{pinned}" + (f"&{query}" if query else "")


def _whole(page: Page) -> None:
    """The main part scrolls by itself, so the window grows until it need not."""
    height = page.evaluate(f"document.querySelector('{MAIN}').scrollHeight")
    width = (page.viewport_size or {"width": 1440})["width"]
    page.set_viewport_size({"width": width, "height": max(900, min(height + 20, TALLEST))})
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(1200)


def _found(page: Page, axe: Path) -> Iterator[str]:
    page.add_script_tag(path=axe)
    rules: list[dict[str, Any]] = page.evaluate(LOOK)
    for rule in sorted(rules, key=lambda rule: str(rule["impact"]) not in GRAVE):
        places = "; ".join(" ".join(str(node["html"])[:160].split()) for node in rule["nodes"][:3])
        yield f"{rule['impact']} {rule['id']} ({len(rule['nodes'])}): {places}"


if __name__ == "__main__":
    main()
