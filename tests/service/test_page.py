"""The page in a real browser: drop, paste, name, look at heat, find nearest, search, and see what went wrong."""

import base64
import io
import shutil
import time

import numpy as np
import pytest
from PIL import Image

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its driver (Debian: chromium-driver)"),
    pytest.mark.filterwarnings("default"),  # Selenium leaves sockets to the garbage collector
]


def painted(left, right=None):
    image = Image.new("RGB", (64, 64), left)
    if right:
        image.paste(right, (32, 0, 64, 64))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Patches:
    """The colour encoder with a grid of two by two patches."""

    def __init__(self, encoder):
        self.encoder = encoder

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def encode_patches(self, images, *, batch_size=32):
        grids = []
        for image in images:
            means = np.asarray(Image.fromarray(np.asarray(image)).resize((2, 2), Image.Resampling.BOX), np.float32) + 1
            grids.append(means / np.linalg.norm(means, axis=-1, keepdims=True))
        return np.stack(grids).astype(np.float32)


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1000,900",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(DRIVER))
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture
def page(browser, serving, colours, paint):
    """The page over an index of three pictures; ``page(script)`` runs a script, ``page.until(script)`` waits."""
    from zorse.search import build_index

    for colour in ("red", "green", "blue"):
        paint(f"photos/{colour}/one.png", colour)
    folder = paint("photos/blue/two.png", "navy").parents[1]
    index = folder.parent / "photos.index"
    build_index(folder, index, colours)
    with serving(Patches(colours), index=index) as client:
        yield Page(browser, str(client.base_url))
        told = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
        assert not [line for line in told if "status of 4" not in line], (
            told
        )  # a refused request is no fault of the page


class Page:
    def __init__(self, browser, address):
        self.browser = browser
        browser.get(address)
        self.until("return document.getElementById('model').textContent.includes('colours')")

    def __call__(self, script, *given):
        return self.browser.execute_script(script, *given)

    def until(self, script, seconds=10):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if found := self(script):
                return found
            time.sleep(0.05)
        raise AssertionError(f"{script}; the page says: {self('return document.body.innerText')}")

    def hand(self, kind, name, content):
        """A file that is dropped or pasted, as the browser would tell of it."""
        self(
            """const bytes = Uint8Array.from(atob(arguments[2]), (c) => c.charCodeAt(0)), data = new DataTransfer();
            const type = arguments[1].endsWith("txt") ? "text/plain" : "image/png";
            data.items.add(new File([bytes], arguments[1], {type}));
            document.dispatchEvent(arguments[0] === "paste" ? new ClipboardEvent("paste", {clipboardData: data})
              : new DragEvent("drop", {dataTransfer: data, cancelable: true}));""",
            kind,
            name,
            base64.b64encode(content).decode(),
        )

    def say(self, field, text):
        from selenium.webdriver.common.by import By

        self.browser.find_element(By.ID, field).send_keys(text)

    def press(self, selector):
        from selenium.webdriver.common.by import By

        button = self.browser.find_element(By.CSS_SELECTOR, selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def titles(self, gallery):
        return self("return [...document.querySelectorAll(`#${arguments[0]} h3`)].map((h) => h.textContent)", gallery)


def test_dropped_and_pasted_pictures_are_named_with_bars_heat_and_neighbours(page):
    page.hand("drop", "blue.png", painted("blue"))
    page.hand("paste", "half.png", painted("red", "green"))
    page.say("labels", "red, green, blue")
    page.press("#name-form button.main")
    page.until(
        "return document.querySelectorAll('#named > li').length === 2 && document.getElementById('status').textContent"
    )
    assert page.titles("named")[0] == "blue"
    assert page("return document.getElementById('status').textContent") == "2 named."
    widths = page(
        "return [...document.querySelectorAll('#named .bar i')].map((bar) => bar.getBoundingClientRect().width)"
    )
    assert widths[0] == max(widths[:3]) > 0
    # The red label of the second picture is supported by its left half: the map is dark on the right.
    page(
        """const choices = [...document.querySelectorAll("#named > li:nth-child(2) button.choice")];
        choices.find((choice) => choice.innerText.startsWith("red")).click();"""
    )
    shades = page(
        """const canvas = document.querySelector("#named > li:nth-child(2) canvas.heat"), c = canvas.getContext("2d");
        return [2, canvas.width - 3].map((x) => [...c.getImageData(x, 5, 1, 1).data]);"""
    )
    assert shades[0][3] < shades[1][3]
    assert page("return document.querySelector('#named button.choice[aria-pressed=true]').innerText").startswith("red")
    page.press("#named > li:first-child button.near")
    page.until("return document.querySelectorAll('#near > li').length")
    assert page.titles("near")[0] == "blue"  # the folder's name, which is what the source says it shows
    page.until("return [...document.querySelectorAll('#near img')].every((image) => image.naturalWidth > 0)")
    assert page("return document.activeElement.id") == "similar-title"


def test_errors_are_said_aloud_and_the_other_pictures_are_named(page):
    page.press("#name-form button.main")
    assert "Choose at least one picture" in page("return document.querySelector('[role=alert]').textContent")
    page.hand("drop", "notes.txt", b"text")
    assert "no pictures" in page("return document.querySelector('[role=alert]').textContent")
    page.hand("drop", "broken.png", b"not a picture")
    page.hand("drop", "red.png", painted("red"))
    page.say("labels", "red")
    page.press("#name-form button.main")
    page.until("return document.querySelector('[role=alert]').textContent.includes('only one label')")
    page.say("labels", ", blue")
    page.press("#name-form button.main")
    page.until("return document.getElementById('status').textContent === '1 named, 1 could not be.'")
    assert page.titles("named") == ["Not named", "red"]
    assert "not an image" in page("return document.querySelector('#named .wrong').textContent")


def test_search_by_text_by_picture_and_by_both_with_the_keyboard(page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page.browser.find_element(By.ID, "tab-name").send_keys(Keys.ARROW_RIGHT)
    assert page("return document.activeElement.id") == "tab-search"
    assert page("return document.getElementById('panel-name').hidden")
    page.press("#search-form button.main")
    assert "Say what should be seen" in page("return document.querySelector('[role=alert]').textContent")
    page.say("text", "something green" + Keys.ENTER)
    page.until("return document.querySelectorAll('#found > li').length === 4")
    assert page.titles("found")[0] == "green"
    page.hand("drop", "blue.png", painted("blue"))
    page("document.getElementById('text').value = ''")
    page.press("#search-form button.main")
    page.until("return document.querySelector('#found h3').textContent === 'blue'")
    page.say("text", "red")
    page.say("without", "green")
    page.press("#search-form button.main")
    page.until("return document.getElementById('status').textContent === '4 pictures found.'")
    assert set(page.titles("found")[:3]) == {"red", "blue"}
    assert (
        page("return document.querySelector('#found .path').textContent").count("/") == 1
    )  # no folders of the machine


def test_everything_has_a_name_and_nothing_comes_from_elsewhere(page):
    page.hand("drop", "blue.png", painted("blue"))
    page.say("labels", "red, blue")
    page.press("#name-form button.main")
    page.until("return document.querySelectorAll('#named > li').length === 1")
    nameless = page(
        """return [...document.querySelectorAll("input, textarea, button, img, [role=tabpanel], canvas")].filter((e) =>
          !(e.labels?.length || e.innerText?.trim() || e.textContent?.trim() || e.getAttribute("alt")
            || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.getAttribute("aria-hidden")))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    loaded = page("return performance.getEntriesByType('resource').map((entry) => new URL(entry.name).host)")
    assert set(loaded) <= {page("return location.host"), ""}


def test_it_fits_a_telephone(page):
    page.browser.set_window_size(500, 900)
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    )
    try:
        page.hand("drop", "a-picture-with-a-very-long-name-that-no-telephone-has-room-for.png", painted("blue"))
        page.say("labels", "red, blue, " + "a" * 80)
        page.press("#name-form button.main")
        page.until("return document.querySelectorAll('#named > li').length === 1")
        assert page("return document.documentElement.scrollWidth") <= 360
        low = page(
            """const heights = [...document.querySelectorAll("button")].map((button) => button.offsetHeight);
            return heights.filter((height) => height && height < 38).length;"""
        )
        assert low == 0  # a thumb finds them
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.set_window_size(1000, 900)


def test_a_token_is_asked_for_once(browser, serving):
    with serving(token="a-long-enough-token") as client:
        browser.get(str(client.base_url))
        ends = time.monotonic() + 10
        while not browser.execute_script("return !document.getElementById('token-form').hidden"):
            assert time.monotonic() < ends
        for typed, hidden in (("wrong-token-wrong", False), ("a-long-enough-token", True)):
            browser.execute_script(
                "const field = document.getElementById('token');field.value = arguments[0]; field.form.requestSubmit()",
                typed,
            )
            script = "return document.getElementById('token-form').hidden"
            said = "return document.getElementById(arguments[0]).textContent"
            while time.monotonic() < ends and not browser.execute_script(said, "model" if hidden else "alert"):
                time.sleep(0.05)
            assert browser.execute_script(script) is hidden
