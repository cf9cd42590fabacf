import subprocess
import sys

import pytest

import hqsam as package


def test_help_names_every_verb_and_leaves_with_0(hqsam):
    finished = hqsam("--help")
    assert finished.code == 0
    assert all(verb in finished.out for verb in ("segment", "demo", "doctor", "weights"))


@pytest.mark.parametrize("words", [["--help"], ["segment", "--help"], ["weights", "--help"], ["--version"]])
def test_asking_for_help_does_not_wait_for_torch(words):
    script = (
        f"import sys, contextlib; sys.argv = ['hqsam', *{words!r}]\n"
        "from hqsam.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "heavy = {'torch', 'numpy', 'cv2', 'PIL', 'huggingface_hub'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_the_version_is_the_package_s(hqsam):
    assert hqsam("--version").out == f"hqsam {package.__version__}\n"


@pytest.mark.parametrize("words", [["segmnt"], ["segment"], ["segment", "a.jpg", "--size", "3"]])
def test_bad_use_leaves_with_2_and_says_so_on_stderr(hqsam, words):
    finished = hqsam(*words)
    assert finished.code == 2
    assert "Usage" in finished.err and not finished.out


def test_an_error_of_ours_is_one_line_without_a_traceback(hqsam):
    finished = hqsam("segment", "a.jpg")
    assert finished.code == 2
    assert finished.err.startswith("hqsam: ") and finished.err.count("\n") == 1


def test_ctrl_c_leaves_with_130(hqsam, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hqsam.batch.inputs.find_images", interrupt)
    assert hqsam("segment", "a.jpg", "--point", "1,1").code == 130


def test_the_module_is_the_command_too():
    answer = subprocess.run([sys.executable, "-m", "hqsam", "--version"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"hqsam {package.__version__}\n"
