import subprocess
import sys


def test_a_model_is_loaded_without_what_only_compilers_need():
    """torch imports sympy to draw random numbers on the meta device: seconds, for nothing."""
    script = "import sys, hqsam; hqsam.load('nano', device='cpu'); print('sympy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
