import hqsam as package


def test_doctor_says_what_a_bug_report_needs(hqsam, monkeypatch, tmp_path):
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path))
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    finished = hqsam("doctor")
    assert finished.code == 0
    for said in (package.__version__, "torch", "precision", "threads", str(tmp_path), "HQSAM_OFFLINE", "nano"):
        assert said in finished.out
