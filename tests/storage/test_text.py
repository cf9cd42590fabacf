from hqsam import storage


def test_text_is_written_as_utf_8(tmp_path):
    storage.write_text(tmp_path / "a", "Löffel\n猫")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "Löffel\n猫"


def test_text_that_utf_8_cannot_hold_is_made_readable(tmp_path):
    storage.write_text(tmp_path / "a", b"caf\xe9 \xff.jpg".decode("utf-8", "surrogateescape") + "\ud83d")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "caf%E9 %FF.jpg\ufffd"
