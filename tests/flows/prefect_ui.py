"""The Prefect UI in a real Chromium, and the hand that uses it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, sync_playwright

PATIENCE_MS = 60_000
"""How long a page is waited for; on a busy machine the first one takes ten seconds."""
SIZE = {"width": 1200, "height": 900}
WITHOUT_GRAPHS = [] if "PICTURES" in os.environ else ["--disable-gpu", "--disable-software-rasterizer"]
"""The graph of a run is drawn with WebGL, without a graphics card a quarter of all work; no test looks at it."""


def chromium() -> str | None:
    """The program, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class PrefectUi:
    """One tab. The UI has two faces: V2, which a browser is shown that knows neither, and V1 behind a link in it."""

    page: Page
    url: str
    strangers: set[str] = field(default_factory=set)
    """Addresses besides ours that the pages asked for; they get no answer."""

    def open_form(self, deployment_id: str, field_words: str) -> None:
        """The form to start a run by hand; ``field_words`` are the description of one of its fields."""
        self.page.goto(f"{self.url}/v2/deployments/deployment/{deployment_id}/run")
        self.page.get_by_text(field_words).wait_for()

    def number_field(self, description: str) -> Locator:
        """The number field under a description."""
        return self.page.get_by_text(description).locator("xpath=following::input[@type='number'][1]")

    def submit(self) -> None:
        """Send the form off."""
        self.page.get_by_role("button", name="Submit").click()

    def started_run(self) -> str:
        """Id of the run of which the UI says that it was made."""
        link = self.page.locator("a[href*='/runs/flow-run/']").first
        link.wait_for()
        return str(link.get_attribute("href")).rpartition("/")[2].partition("?")[0]

    def open_run(self, run_id: str, state: str) -> None:
        """The page of a run, with its artifacts, when it shows ``state``."""
        self.page.goto(f"{self.url}/v2/runs/flow-run/{run_id}?tab=Artifacts")
        self.page.get_by_text(state, exact=True).first.wait_for()
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.get_by_text("refresh-report").wait_for()

    def open_artifact(self, artifact_id: str, words: str) -> None:
        """The page of an artifact in which ``words`` stand."""
        self.page.goto(f"{self.url}/v2/artifacts/artifact/{artifact_id}")
        self.page.get_by_text(words).first.wait_for()

    def retry(self) -> None:
        """Click Retry on the page of a run: in V2 it is in the menu with the three dots."""
        self.page.locator("button[aria-haspopup='menu']").last.click()
        self.page.get_by_role("menuitem", name="Retry").click()
        self._answer("Retry")

    def cancel_in_v1(self, run_id: str) -> None:
        """Click Cancel: in V1 it is a button on the page."""
        self._click_in_v1(run_id, "Running", "Cancel")
        self._answer("Confirm")

    def retry_in_v1(self, run_id: str, state: str) -> None:
        """Click Retry: in V1 it is a button on the page."""
        self._click_in_v1(run_id, state, "Retry")
        self._answer("Retry")

    def _click_in_v1(self, run_id: str, state: str, button: str) -> None:
        self.page.goto(f"{self.url}/runs/flow-run/{run_id}")
        self.page.get_by_text(state, exact=True).first.wait_for()
        self.page.get_by_role("button", name=button).click()

    def _answer(self, word: str) -> None:
        """Answer the question that comes, and wait until that was sent."""
        with self.page.expect_response(re.compile("/set_state$")) as answer:
            self.page.locator("[role=dialog], [role=alertdialog]").get_by_role("button", name=word).last.click()
        assert answer.value.ok

    def picture(self, name: str) -> None:
        """Save what is seen in the folder that the variable ``PICTURES`` names, if it is set."""
        if folder := os.environ.get("PICTURES"):
            self.page.wait_for_timeout(2_000)  # until the graph stands still
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png")


@contextmanager
def a_browser(url: str) -> Iterator[PrefectUi]:
    """A Chromium that reaches nothing but ``url``."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", *WITHOUT_GRAPHS])
        page = browser.new_context(viewport=SIZE).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(PATIENCE_MS)
        ui = PrefectUi(page, url)

        def refuse(route: Route) -> None:
            ui.strangers.add(route.request.url)
            route.abort()

        page.route(lambda asked: asked.startswith("http") and not asked.startswith(url), refuse)
        try:
            yield ui
        finally:
            browser.close()
