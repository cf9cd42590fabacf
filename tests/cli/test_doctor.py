import hqsam as package


def test_doctor_says_what_a_bug_report_needs(hqsam, monkeypatch, tmp_path):
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path))
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    finished = hqsam("doctor")
    assert finished.code == 0
    for said in (package.__version__, "torch", "precision", "threads", str(tmp_path), "HQSAM_OFFLINE", "nano"):
        assert said in finished.out


def test_doctor_names_what_extras_lack_and_the_command_that_brings_it(hqsam, monkeypatch):
    from hqsam.cli import doctor

    requires = ["numpy", 'numpy ; extra == "here"', 'no-such-package>=2 ; extra == "gone"', "numpy; extra == 'gone'"]
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: requires)
    monkeypatch.setattr(doctor.importlib.metadata, "metadata", lambda name: Provided())
    finished = hqsam("doctor")
    lines = [" ".join(line.split()) for line in finished.out.splitlines()]
    assert "here installed" in lines
    assert 'gone without no-such-package: pip install "hqsam[gone]"' in lines


class Provided:
    """The metadata of a package with two extras."""

    def get_all(self, name):
        assert name == "Provides-Extra"
        return ["here", "gone"]
