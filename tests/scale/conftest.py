import pytest


@pytest.fixture
def photos(paint):
    """Three images in folders named after their colours."""
