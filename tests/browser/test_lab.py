"""A student opens the lesson in JupyterLab: it runs, a slider moves, the picture changes.

In headless Chromium. Without a browser the test is skipped, unless LECTUREKIT_BROWSER=required (as in
CI): then it fails.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = {  # and how many widgets they have at least
    "1_instance": 5,  # poolings, thresholds, mixing, suppression, key frames
    "5_cgan": 2,  # digits, a repainted town
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START, RUN = 90, 420  # seconds to wait at most for JupyterLab, for a whole notebook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium():
    """The path of a browser; skips, or fails where one is required."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    missing = None if found else f"no browser: none of {', '.join(BROWSERS)} is installed"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        missing = "no playwright: install the development libraries"
    if missing and os.environ.get("LECTUREKIT_BROWSER") == "required":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab on a copy of the lessons, with settings of its own; on loopback."""
    root, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("home")
    for name in LESSONS:
        shutil.copy(FOLDER / f"{name}.ipynb", root)
    settings = home / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # every cell stays in the page, also those out of sight
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    env = {f"JUPYTER_{k}_DIR": str(home / v) for k, v in folders.items()}
    env |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "IPYTHONDIR": str(home / "ipython")}
    env |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--allow-root",
        f"--ServerApp.root_dir={root}",
    ]
    options += ["--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.news_url="]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with open(home / "lab.log", "w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=os.environ | env, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address + "/api/status", server, home / "lab.log")
        yield address
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        server.kill()


def wait_for(url, server, log):
    until = time.monotonic() + START
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=1)
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(params=LESSONS)
def page(chromium, lab, request):
    """A lesson, opened in JupyterLab, its kernel ready."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.outside, page.broken = [], []
        own = (lab, lab.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else page.outside.append(r.url))
        page.on("pageerror", lambda error: page.broken.append(str(error)))
        page.widgets = LESSONS[request.param]
        page.goto(f"{lab}/lab/tree/{request.param}.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START * 1000)
        idle = "document.querySelector('#jp-main-statusbar')?.innerText.includes('| Idle')"
        page.wait_for_function(idle, timeout=START * 1000)
        yield page
        browser.close()


PENDING = "[...document.querySelectorAll('.jp-InputPrompt')].filter(p => p.innerText.includes('*')).length"


def test_the_lesson_runs_and_its_widgets_move(page, tmp_path):
    page.click("text=Run >> nth=0")
    page.click("text=Run All Cells >> nth=0")
    page.wait_for_function(f"{PENDING} > 0", timeout=30_000)
    page.wait_for_function(f"{PENDING} === 0", timeout=RUN * 1000)
    page.screenshot(path=tmp_path / "run.png")
    outputs = page.locator(".jp-OutputArea").all_inner_texts()
    for trouble in ("Traceback (most recent call last)", "javascript error", "Error displaying widget"):
        assert not [text for text in outputs if trouble in text]

    pictures = page.locator(".widget-vbox img.widget-image")  # beside sliders: not the album of a training
    assert pictures.count() >= page.widgets
    for i in range(pictures.count()):
        before, after, words = moved(page, pictures.nth(i), tmp_path / f"widget-{i}")
        assert before != after, f"widget {i}: the slider moved, and the picture stayed"
        assert words[0] != words[1], f"widget {i}: the slider moved, and the sentence stayed"
    assert page.broken == []
    assert page.outside == [], "the course needs no network"


def moved(page, picture, name):
    """Push a widget's first slider with the keyboard: digests of the picture and sentences before, after."""
    box = picture.locator("xpath=ancestor::div[contains(@class, 'widget-vbox')][1]")
    sentence = box.locator(".widget-html-content").last
    picture.scroll_into_view_if_needed()
    before, said = digest(picture, f"{name}-before.png"), sentence.inner_text()
    address = picture.get_attribute("src")
    box.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")  # so far that every widget has something else to say
    changed = "([img, old]) => img.src !== old && img.complete"
    page.wait_for_function(changed, arg=[picture.element_handle(), address], timeout=30_000)
    page.wait_for_timeout(1500)  # the last answer
    return before, digest(picture, f"{name}-after.png"), (said, sentence.inner_text())


def digest(picture, path):
    return hashlib.sha256(picture.screenshot(path=path)).hexdigest()
