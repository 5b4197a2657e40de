"""Take the pictures of the service's page in docs/images: ``python tools/serve_pictures.py`` (Chromium, chromedriver).

The page names pictures that are drawn here, so that nobody's photograph is in the documentation.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

ROOT = Path(__file__).parents[1]
LABELS = "sunset over the sea, an orange, green meadow, night sky"


def drawings(folder: Path) -> list[Path]:
    """A sunset, an orange, a meadow and a night, and for the index more of each."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(3):
        for name, draw in (("sunset", sunset), ("orange", orange), ("meadow", meadow), ("night", night)):
            path = folder / name / f"{name}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(rng).filter(ImageFilter.GaussianBlur(1)).save(path)
            paths.append(path)
    return paths


def shades(top: tuple[int, int, int], bottom: tuple[int, int, int], height: int = 240, width: int = 320) -> Image.Image:
    """One colour passing into another from top to bottom."""
    t = np.linspace(0, 1, height)[:, None, None]
    rows = np.array(top) * (1 - t) + np.array(bottom) * t
    return Image.fromarray(np.broadcast_to(rows, (height, width, 3)).astype(np.uint8))


def sunset(rng: np.random.Generator) -> Image.Image:
    """A low sun over water."""
    image = shades((250, 120, 40), (255, 200, 110))
    image.paste(shades((150, 70, 50), (40, 30, 60), 90), (0, 150))
    pen, x = ImageDraw.Draw(image), int(rng.integers(90, 230))
    pen.ellipse((x - 26, 112, x + 26, 164), fill=(255, 240, 170))
    pen.rectangle((0, 150, 320, 153), fill=(120, 60, 50))
    for y in range(158, 236, 8):
        pen.line((x - (240 - y) // 3, y, x + (240 - y) // 3, y), fill=(255, 190, 110), width=3)
    return image


def orange(rng: np.random.Generator) -> Image.Image:
    """A round fruit with light on it, on a pale ground."""
    image = shades((235, 232, 225), (210, 205, 195))
    pen, x = ImageDraw.Draw(image), int(rng.integers(120, 200))
    pen.ellipse((x - 95, 190, x + 95, 222), fill=(170, 160, 150))
    for r in range(90, 0, -2):
        light = 1 - r / 90
        pen.ellipse(
            (x - r - 6 * light, 122 - r, x + r - 6 * light, 122 + r),
            fill=(240, int(120 + 80 * light), int(20 + 60 * light)),
        )
    pen.ellipse((x - 8, 34, x + 8, 44), fill=(60, 110, 40))
    return image


def meadow(rng: np.random.Generator) -> Image.Image:
    """Grass under a sky."""
    image = shades((90, 160, 235), (200, 225, 245))
    image.paste(shades((90, 170, 60), (40, 110, 30), 130), (0, 110))
    pen = ImageDraw.Draw(image)
    for x, y in zip(rng.integers(0, 320, 900), rng.integers(115, 240, 900)):
        pen.line(
            (x, y, x + int(rng.integers(-3, 4)), y - int(rng.integers(4, 12))),
            fill=(50, int(rng.integers(110, 200)), 40),
        )
    return image


def night(rng: np.random.Generator) -> Image.Image:
    """Stars and a moon."""
    image = shades((6, 8, 30), (25, 30, 70))
    pen = ImageDraw.Draw(image)
    for x, y in zip(rng.integers(0, 320, 160), rng.integers(0, 230, 160)):
        pen.ellipse((x, y, x + 1, y + 1), fill=(240, 240, 220))
    x = int(rng.integers(60, 260))
    pen.ellipse((x - 22, 40, x + 22, 84), fill=(245, 240, 210))
    return image


def main() -> None:
    """Start a service, use its page, and keep what it looks like."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    from zorse.search import build_index

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    out = ROOT / "docs" / "images"
    with tempfile.TemporaryDirectory() as folder:
        paths = drawings(Path(folder) / "drawings")
        build_index(Path(folder) / "drawings", Path(folder) / "index", "mini")
        command = [sys.executable, "-m", "zorse.cli", "serve", "--port", "0", "--index", str(Path(folder) / "index")]
        service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            address = re.search(r"http://\S+", service.stderr.readline()).group()
            size(browser, 1120, 1130)
            browser.get(address)
            time.sleep(1)
            browser.find_element(By.ID, "pictures").send_keys("\n".join(map(str, paths[:4])))
            browser.find_element(By.ID, "labels").send_keys(LABELS)
            browser.find_element(By.CSS_SELECTOR, "#name-form button.main").click()
            wait(browser, "return document.querySelectorAll('#named > li').length === 4")
            browser.execute_script(
                "for (const card of document.querySelectorAll('#named > li')) card.querySelector('button').click()"
            )
            keep(browser, out / "serve.png", 860)
            size(browser, 390, 1100, mobile=True)
            browser.find_element(By.ID, "tab-name").send_keys(Keys.ARROW_RIGHT)
            browser.find_element(By.ID, "query").send_keys(str(paths[3]))
            browser.find_element(By.ID, "text").send_keys("over green grass")
            browser.find_element(By.CSS_SELECTOR, "#search-form button.main").click()
            wait(browser, "return document.querySelectorAll('#found > li').length")
            keep(browser, out / "serve-search.png", 390)
        finally:
            browser.quit()
            service.terminate()
            service.wait(30)


def size(browser, width: int, height: int, *, mobile: bool = False) -> None:
    """The window's size in CSS pixels."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile},
    )


def wait(browser, script: str) -> None:
    """Until a script says yes."""
    for _ in range(200):
        if browser.execute_script(script):
            time.sleep(0.6)  # pictures are drawn, bars have moved
            return
        time.sleep(0.1)
    raise SystemExit(
        f"the page did not get there: {script}; {browser.execute_script('return document.body.innerText')}"
    )


def keep(browser, path: Path, width: int) -> None:
    """A screenshot, few colours, at most so wide."""
    browser.execute_script("window.scrollTo(0, 0)")
    browser.save_screenshot(str(path))
    with Image.open(path) as image:
        image = image.convert("RGB")
        image.thumbnail((width, 4000), Image.Resampling.LANCZOS)
        image.quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
