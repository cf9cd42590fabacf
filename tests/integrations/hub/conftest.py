import pytest

from tests.integrations.hub.stand_in import TOKEN, stand_in


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in of the Hub that the real client talks to, with an empty cache and a good token."""
    from huggingface_hub import constants

    for name in ("HQSAM_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    # Files go by the large file storage's plain protocol; the stand-in has no Xet.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with stand_in() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
