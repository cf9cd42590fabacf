"""How the model calls its decoder."""

import torch

from hqsam.model.prompt_encoder import PromptBatch
from tests.tiny import tiny_model


@torch.no_grad()
def test_the_decoder_is_run_by_a_call_so_that_what_was_compiled_is_what_runs():
    model, calls = tiny_model(), []
    model.mask_decoder.register_forward_hook(lambda *_: calls.append(1))
    features = model.encode_image(torch.zeros(1, 3, 128, 128))
    prompts = PromptBatch(torch.tensor([[[10.0, 20.0]]]), torch.tensor([[1]]))
    model.run_decoder(features, prompts, with_hq=True)
    assert calls == [1]
