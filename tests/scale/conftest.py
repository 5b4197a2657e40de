import pytest

import zorse.encoders
from zorse.cli import main


@pytest.fixture
def zorse_(monkeypatch, colours, capsys):
    """Run the command line in this process with the colour encoder in place of a model: code, stdout, stderr."""
    real = zorse.encoders.load_encoder
    monkeypatch.setattr(
        zorse.encoders, "load_encoder", lambda name, **options: colours if name == "mini" else real(name, **options)
    )

    def run(*arguments):
        code = main([str(a) for a in arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def photos(paint):
    """Three images in folders named after their colours."""
