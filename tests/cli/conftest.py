import pytest


@pytest.fixture
def photos(paint):
    """Three images in folders named after their colours."""
    for colour in ("red", "green", "blue"):
        paint(f"photos/{colour}/one.png", colour)
    return paint("photos/blue/two.png", "blue", (20, 16)).parent.parent
