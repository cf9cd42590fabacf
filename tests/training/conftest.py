import pytest
import torch


@pytest.fixture
def one_thread():
    """Threads add in changing order; with one, equal runs are equal to the last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """A small HQ-SAM's file."""
    from tests.training.small import model_file

    return model_file(tmp_path_factory.mktemp("start"))
