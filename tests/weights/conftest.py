import pytest


@pytest.fixture
def tiny_models():
    """The small models of the tests can be loaded like the real ones."""
    from tests.weights.checkpoints import tiny_models_in_the_table

    with tiny_models_in_the_table():
        yield
