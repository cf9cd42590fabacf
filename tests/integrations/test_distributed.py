"""Training of the drop-in's mask decoder on several processes, as MedSAM and its kin do."""

import socket

import pytest
import torch
from torch import distributed, multiprocessing, nn

from hqsam.integrations.segment_anything import Sam
from tests.tiny import tiny_model

pytestmark = pytest.mark.skipif(not distributed.is_gloo_available(), reason="this PyTorch has no gloo")

# The options of a call, and the filters of masks that it does not ask for.
CASES = [
    ("plain_vit", {"multimask_output": False}, [1, 2, 3]),
    ("plain_vit", {"multimask_output": True}, [0]),
    ("vit", {"multimask_output": False}, [1, 2, 3]),
    ("vit", {"multimask_output": True}, [0]),
    ("vit", {"multimask_output": False, "hq_token_only": True}, [0, 1, 2, 3]),
]


def losses(decoder: nn.Module, options: dict, rank: int = 0) -> torch.Tensor:
    numbers = torch.Generator().manual_seed(rank)
    image, places, sparse, dense = (torch.randn(1, 32, 8, 8, generator=numbers) for _ in range(4))
    hq = {"interm_embeddings": [torch.randn(1, 8, 8, 32, generator=numbers)]}
    masks, scores = decoder(image, places, sparse.flatten(2).mT[:, :2], dense, **options, **hq)
    return masks.square().mean() + scores.square().mean()


@pytest.mark.parametrize(("kind", "options", "unused"), CASES)
def test_every_parameter_gets_a_gradient_as_in_the_official_decoders(kind, options, unused):
    decoder = Sam(tiny_model(kind)).mask_decoder
    losses(decoder, options).backward()
    assert [name for name, value in decoder.named_parameters() if value.grad is None] == []
    filters = decoder.mask_decoder.filters
    assert all(not value.grad.any() for index in unused for value in filters[index].parameters())
    used = [value for index in range(4) if index not in unused for value in filters[index].parameters()]
    assert not used or any(value.grad.any() for value in used)


def test_weights_that_are_no_numbers_spoil_no_other_mask():
    decoder = Sam(tiny_model("plain_vit")).mask_decoder
    expected = losses(decoder, {"multimask_output": False}).item()
    with torch.no_grad():
        decoder.mask_decoder.filters[2][0].weight.fill_(float("nan"))
    assert losses(decoder, {"multimask_output": False}).item() == expected


def train(rank: int, port: int, kind: str, options: dict) -> None:
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    decoder = nn.parallel.DistributedDataParallel(Sam(tiny_model(kind)).mask_decoder)
    optimiser = torch.optim.SGD(decoder.parameters(), lr=0.01)
    for _ in range(3):  # a gradient that does not come is noticed in the next step
        optimiser.zero_grad()
        losses(decoder, options, rank).backward()
        optimiser.step()
    weights = torch.cat([value.detach().flatten() for value in decoder.parameters()])
    others = [torch.empty_like(weights) for _ in range(2)]
    distributed.all_gather(others, weights)
    assert torch.equal(*others)
    distributed.destroy_process_group()


def test_two_processes_train_one_decoder():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(train, args=(port, "plain_vit", {"multimask_output": False}), nprocs=2)
