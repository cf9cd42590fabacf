"""Beside the official package, where it is installed: the same calls, with only the import changed, answer the same.

Weights are random, but scaled so that signals survive. See docs/benchmarks.md for how to install the package.
"""

import contextlib
import importlib.util
import io
import warnings
from functools import partial
from importlib import import_module
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.implementations.torchvision_import import let_torchvision_import
from tests.parity.records import photo, state_dict

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("segment_anything_hq") is None, reason="segment-anything-hq is not installed"
)

POINTS, LABELS, BOX = np.array([[300, 210], [60, 40]]), np.array([1, 0]), np.array([120, 60, 420, 350])


def package(name: str) -> SimpleNamespace:
    """What a script imports of either package, with `vit_tiny` built, filled and loaded as scripts do."""
    modules = {path: import_module(f"{name}{path}") for path in ("", ".utils.amg", ".utils.transforms", ".modeling")}
    with contextlib.redirect_stdout(io.StringIO()):
        sam = modules[""].sam_model_registry["vit_tiny"]()
    sam.load_state_dict(state_dict("vit_tiny"), strict=False)
    sam.eval()
    predictor = modules[""].SamPredictor(sam)
    predictor.set_image(photo("coffee"))
    return SimpleNamespace(
        top=modules[""], amg=modules[".utils.amg"], modeling=modules[".modeling"], sam=sam, predictor=predictor
    )


@pytest.fixture(scope="module")
def ours():
    return package("hqsam.integrations.segment_anything_hq")


@pytest.fixture(scope="module", autouse=True)
def importable():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        let_torchvision_import()
        import_module("segment_anything_hq")


@pytest.fixture(scope="module")
def theirs(importable):
    return package("segment_anything_hq")


def assert_alike(found, expected):
    """Tensors and arrays within rounding, however they are nested."""
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
        return
    found, expected = torch.as_tensor(found), torch.as_tensor(expected)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    if expected.dtype == torch.bool:
        assert (found != expected).float().mean() < 1e-4
    else:
        atol = 1e-5 + 1e-3 * float(expected.double().square().mean().nan_to_num().sqrt())
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=atol)


def decoded(package, **prompts):
    """The loop of fine-tuning scripts, up to the masks."""
    sam, predictor = package.sam, package.predictor
    sparse, dense = sam.prompt_encoder(**{"points": None, "boxes": None, "masks": None} | prompts)
    masks, scores = sam.mask_decoder(
        image_embeddings=predictor.features,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
        hq_token_only=False,
        interm_embeddings=predictor.interm_features,
    )
    return sparse, dense, masks, scores


def test_the_image_encoder_answers_as_theirs(ours, theirs):
    assert_alike(ours.predictor.features, theirs.predictor.features)
    assert_alike(ours.predictor.interm_features, theirs.predictor.interm_features)
    assert_alike(ours.sam.prompt_encoder.get_dense_pe(), theirs.sam.prompt_encoder.get_dense_pe())


@pytest.mark.parametrize("case", ["nothing", "points", "no points", "box", "boxes and one mask", "all", "masks"])
@torch.no_grad()
def test_prompt_encoder_and_mask_decoder_answer_as_theirs(ours, theirs, case):
    mask_prompt = torch.randn(2, 1, 256, 256, generator=torch.Generator().manual_seed(1)) * 4
    points = torch.tensor([[[500.0, 300], [20, 40]], [[100, 100], [700, 600]]]), torch.tensor([[1, 0], [1, -1]])
    boxes = torch.tensor([[100.0, 50, 700, 600], [0, 0, 300, 200]])
    prompts = {
        "nothing": {},
        "points": {"points": points},
        "no points": {"points": (torch.zeros(1, 0, 2), torch.zeros(1, 0))},
        "box": {"boxes": boxes[:1]},
        "boxes and one mask": {"boxes": boxes, "masks": mask_prompt[:1]},
        "all": {"points": points, "boxes": boxes, "masks": mask_prompt},
        "masks": {"masks": mask_prompt},
    }[case]
    assert_alike(decoded(ours, **prompts), decoded(theirs, **prompts))


@pytest.mark.parametrize("options", [{}, {"multimask_output": False}, {"hq_token_only": True}, {"return_logits": True}])
@pytest.mark.parametrize(
    "prompt",
    [{}, {"point_coords": POINTS, "point_labels": LABELS}, {"box": BOX}, {"box": BOX[None]}, {"point_labels": LABELS}],
)
def test_the_predictor_answers_as_theirs(ours, theirs, prompt, options):
    assert_alike(ours.predictor.predict(**prompt, **options), theirs.predictor.predict(**prompt, **options))


def test_what_theirs_cannot_do_is_an_error_here(ours, theirs):
    for package in (ours, theirs):
        with pytest.raises((RuntimeError, ValueError)):
            package.predictor.predict(box=np.stack([BOX, BOX]))
        with pytest.raises(RuntimeError):
            package.top.SamPredictor(package.sam).predict(box=BOX)


def test_one_mask_is_for_all_boxes(ours, theirs):
    boxes, mask_prompt = torch.tensor([[100.0, 50, 700, 600], [0, 0, 300, 200]]), torch.randn(1, 1, 256, 256)
    found = [package.predictor.predict_torch(None, None, boxes, mask_prompt) for package in (ours, theirs)]
    assert_alike(*found)


def test_an_embedding_is_restored_as_in_theirs(ours, theirs):
    answers = []
    for package in (ours, theirs):
        restored = package.top.SamPredictor(package.sam)
        for name in ("features", "interm_features", "original_size", "input_size", "is_image_set"):
            setattr(restored, name, getattr(package.predictor, name))
        answers.append(restored.predict(box=BOX))
        assert_alike(answers[-1], package.predictor.predict(box=BOX))
    assert_alike(*answers)


def test_records_are_answered_as_by_theirs(ours, theirs):
    answers = []
    for package in (ours, theirs):
        image = torch.as_tensor(package.predictor.transform.apply_image(photo("rocket"))).permute(2, 0, 1)
        size = {"image": image, "original_size": photo("rocket").shape[:2]}
        with torch.no_grad():
            answers.append(package.sam([size, size | {"boxes": torch.tensor([[5.0, 5, 600, 400]])}], False))
    keys = ("masks", "iou_predictions", "low_res_logits")
    found, expected = ([[one[key] for key in keys] for one in answer] for answer in answers)
    assert_alike(found, expected)


def test_state_dicts_fit_both_ways(ours, theirs):
    own, official = ours.sam.state_dict(), theirs.sam.state_dict()
    assert set(own) <= set(official)
    only_there = {key for key in official if key not in own}
    assert all(key.startswith(("image_encoder.head", "image_encoder.norm_head")) or "attn" in key for key in only_there)
    for key, value in own.items():
        assert torch.equal(value, official[key]), key
    assert not list(chain(*ours.sam.load_state_dict(official)))
    assert set(theirs.sam.load_state_dict(own, strict=False).missing_keys) == only_there
    assert ours.sam.mask_decoder.state_dict().keys() == theirs.sam.mask_decoder.state_dict().keys()
    theirs.sam.mask_decoder.load_state_dict(ours.sam.mask_decoder.state_dict())
    assert ours.sam.mask_decoder.num_mask_tokens == theirs.sam.mask_decoder.num_mask_tokens
    own_names, official_names = (dict(package.sam.named_parameters()) for package in (ours, theirs))
    assert own_names.keys() <= official_names.keys()
    trained = [{name for name, value in names.items() if value.requires_grad} for names in (own_names, official_names)]
    assert trained[0] == trained[1]


def test_gradients_are_theirs(ours, theirs):
    gradients = []
    for package in (ours, theirs):
        package.sam.zero_grad()
        decoded(package, boxes=torch.tensor([[100.0, 50, 700, 600]]))[2].square().mean().backward()
        named = dict(package.sam.mask_decoder.named_parameters())
        gradients.append([named[key].grad for key in ("hf_token.weight", "hf_mlp.layers.0.weight")])
    assert_alike(*gradients)


def test_helpers_answer_as_theirs(ours, theirs):
    random = np.random.default_rng(5)
    masks = torch.from_numpy(random.random((4, 37, 29)) < np.array([0.5, 0.05, 1.1, -1])[:, None, None])
    for call in (
        lambda amg: [rle["counts"] for rle in amg.mask_to_rle_pytorch(masks)],
        lambda amg: [amg.rle_to_mask(rle) for rle in amg.mask_to_rle_pytorch(masks)],
        lambda amg: [amg.area_from_rle(rle) for rle in amg.mask_to_rle_pytorch(masks)],
        lambda amg: [list(amg.coco_encode_rle(rle)["counts"].encode()) for rle in amg.mask_to_rle_pytorch(masks)],
        lambda amg: amg.batched_mask_to_box(masks),
        lambda amg: amg.batched_mask_to_box(masks[None]),
        lambda amg: amg.batched_mask_to_box(masks[0]),
        lambda amg: amg.box_xyxy_to_xywh(torch.tensor([3, 4, 10, 20])),
        lambda amg: amg.calculate_stability_score(torch.linspace(-3, 3, 600).reshape(2, 15, 20), -1.0, 1.0),
        lambda amg: [one for batch in amg.batch_iterator(3, list(range(7)), list(range(7))) for one in batch],
        lambda amg: amg.build_point_grid(7),
        lambda amg: amg.build_all_layer_point_grids(9, 2, 2),
        lambda amg: amg.generate_crop_boxes((333, 517), 2, 0.34),
        lambda amg: amg.is_box_near_crop_edge(
            torch.tensor([[1, 60, 90, 90], [40, 40, 90, 99]]), [50, 0, 150, 100], [0, 0, 300, 200]
        ),
        lambda amg: amg.uncrop_boxes_xyxy(torch.tensor([[1, 2, 3, 4]]), [50, 10, 150, 100]),
        lambda amg: amg.uncrop_points(torch.tensor([[1, 2]]), [50, 10, 150, 100]),
        lambda amg: amg.uncrop_masks(masks, [5, 6, 34, 43], 50, 60),
        *(
            lambda amg, mode=mode, mask=mask, least=least: amg.remove_small_regions(mask, least, mode)
            for mode in ("holes", "islands")
            for mask in masks.numpy()
            for least in (1, 4.5, 5000)
        ),
    ):
        assert_alike(call(ours.amg), call(theirs.amg))


def test_small_regions_are_removed_as_theirs_are(ours, theirs):
    noise = torch.from_numpy(np.random.default_rng(6).random((3, 40, 50)))
    masks = torch.nn.functional.avg_pool2d(noise[:, None], 7, 1, 3)[:, 0] > 0.5
    masks = torch.cat([masks, masks[:1], masks.new_ones(1, 40, 50)])
    answers = []
    for package in (ours, theirs):
        data = package.amg.MaskData(
            rles=package.amg.mask_to_rle_pytorch(masks),
            boxes=package.amg.batched_mask_to_box(masks),
            scores=np.arange(5),
        )
        data = package.top.SamAutomaticMaskGenerator.postprocess_small_regions(data, 20, 0.99)
        assert data["rles"]
        answers.append([[rle["counts"] for rle in data["rles"]], data["boxes"], data["scores"]])
    assert_alike(*answers)


def test_a_generator_has_their_attributes(ours, theirs):
    own, official = (
        package.top.SamAutomaticMaskGenerator(package.sam, 6, crop_n_layers=1) for package in (ours, theirs)
    )
    assert vars(official).keys() <= vars(own).keys()
    assert_alike(own.point_grids, official.point_grids)
    for name, value in vars(official).items():
        if name not in ("predictor", "point_grids"):
            assert getattr(own, name) == value


def same_weights(ours: torch.nn.Module, theirs: torch.nn.Module) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Both with random weights, which fit by their names."""
    with torch.no_grad():
        for value in theirs.parameters():
            value.normal_(std=0.2, generator=torch.Generator().manual_seed(value.numel()))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize(
    ("path", "name", "options", "shapes"),
    [
        ("image_encoder", "PatchEmbed", {"embed_dim": 8}, [(2, 3, 64, 48)]),
        ("image_encoder", "Attention", {"dim": 8, "num_heads": 2}, [(2, 5, 7, 8)]),
        ("image_encoder", "Attention", {"dim": 8, "use_rel_pos": True, "input_size": (5, 7)}, [(2, 5, 7, 8)]),
        ("image_encoder", "Block", {"dim": 8, "num_heads": 2, "window_size": 3, "use_rel_pos": True}, [(2, 5, 7, 8)]),
        (
            "image_encoder",
            "Block",
            {"dim": 8, "num_heads": 2, "use_rel_pos": True, "input_size": (9, 9)},
            [(2, 5, 7, 8)],
        ),
        ("common", "LayerNorm2d", {"num_channels": 6}, [(2, 6, 5, 7)]),
        ("common", "MLPBlock", {"embedding_dim": 6, "mlp_dim": 9}, [(2, 5, 6)]),
        ("mask_decoder_hq", "MLP", {"input_dim": 6, "hidden_dim": 9, "output_dim": 4, "num_layers": 3}, [(5, 6)]),
        (
            "transformer",
            "TwoWayTransformer",
            {"depth": 2, "embedding_dim": 16, "num_heads": 2, "mlp_dim": 24},
            [(3, 16, 4, 5), (1, 16, 4, 5), (3, 6, 16)],
        ),
    ],
)
@torch.no_grad()
def test_layers_answer_as_theirs(path, name, options, shapes):
    ours, theirs = (
        getattr(import_module(f"{package}.modeling.{path}"), name)(**options)
        for package in ("hqsam.integrations.segment_anything_hq", "segment_anything_hq")
    )
    ours, theirs = same_weights(ours, theirs)
    inputs = [torch.randn(shape, generator=torch.Generator().manual_seed(2)) for shape in shapes]
    inputs = [x.repeat_interleave(len(inputs[0]) // len(x), dim=0) for x in inputs]
    assert_alike(ours(*inputs), theirs(*inputs))


def test_functions_of_the_image_encoder_answer_as_theirs():
    ours, theirs = (
        import_module(f"{package}.modeling.image_encoder")
        for package in ("hqsam.integrations.segment_anything_hq", "segment_anything_hq")
    )
    grid, table = torch.randn(2, 10, 7, 3), torch.randn(9, 4)
    for module in (ours, theirs):
        module.found = [
            *module.window_partition(grid, 4),
            module.window_unpartition(module.window_partition(grid, 4)[0], 4, (12, 8), (10, 7)),
            *(module.get_rel_pos(query, key, table) for query in (3, 5, 8) for key in (3, 5, 8)),
            module.add_decomposed_rel_pos(torch.zeros(1, 6, 6), torch.ones(1, 6, 4), table, table, (2, 3), (2, 3)),
        ]
    assert_alike(ours.found, theirs.found)


@torch.no_grad()
def test_position_codes_answer_as_theirs():
    ours, theirs = (
        import_module(f"{package}.modeling.prompt_encoder").PositionEmbeddingRandom(8)
        for package in ("hqsam.integrations.segment_anything_hq", "segment_anything_hq")
    )
    ours.load_state_dict(theirs.state_dict())
    assert_alike(ours((5, 7)), theirs((5, 7)))
    points = torch.rand(2, 3, 2) * 50
    assert_alike(ours.forward_with_coords(points, (40, 60)), theirs.forward_with_coords(points, (40, 60)))


def put_together(package: str, hq: bool) -> torch.nn.Module:
    """A small model of the official parts, by the code that many programs have copied."""
    modeling = import_module(f"{package}.modeling")
    width = 32
    decoder = modeling.MaskDecoderHQ if hq else modeling.MaskDecoder
    return modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            depth=3,
            embed_dim=48,
            img_size=128,
            mlp_ratio=4,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            num_heads=2,
            patch_size=16,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=[1, 2],
            window_size=3,
            out_chans=width,
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=width, image_embedding_size=(8, 8), input_image_size=(128, 128), mask_in_chans=8
        ),
        mask_decoder=decoder(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=64, num_heads=4),
            transformer_dim=width,
            iou_head_depth=3,
            iou_head_hidden_dim=32,
            **({"vit_dim": 48} if hq else {}),
        ),
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    ).eval()


@pytest.fixture(params=["hq", "plain"])
def built(request):
    packages = ("hqsam.integrations.segment_anything_hq", "segment_anything_hq")
    return same_weights(*(put_together(package, request.param == "hq") for package in packages))


def test_a_model_of_parts_answers_as_theirs(built):
    answers = []
    for sam in built:
        image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(4))
        with torch.no_grad():
            found = sam.image_encoder(image)
        embedding, early = found if isinstance(found, tuple) else (found, None)
        sparse, dense = sam.prompt_encoder(None, torch.tensor([[10.0, 20, 90, 100], [5, 5, 60, 60]]), None)
        sam.zero_grad()
        masks, scores = sam.mask_decoder(
            embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense, False, False, early
        )
        (masks.square().mean() + scores.square().mean()).backward()
        grads = {name: value.grad for name, value in sam.mask_decoder.named_parameters()}
        answers.append((embedding, masks.detach(), scores.detach(), grads))
    assert_alike(answers[0][:3], answers[1][:3])
    assert {name for name, grad in answers[1][3].items() if grad is None} == {
        name for name, grad in answers[0][3].items() if grad is None
    }
    for name, grad in answers[1][3].items():
        assert_alike(answers[0][3][name], grad)


def test_all_masks_at_once_are_theirs(built):
    answers = []
    numbers = torch.Generator().manual_seed(6)
    shapes = (1, 32, 8, 8), (2, 3, 32), (2, 32, 8, 8)
    image, sparse, dense = (torch.randn(shape, generator=numbers) for shape in shapes)
    hq = torch.randn(1, 4, 32, 32, generator=numbers)
    for sam in built:
        more = {"hq_features": hq} if "HQ" in type(sam.mask_decoder).__name__ else {}
        with torch.no_grad():
            places = sam.prompt_encoder.get_dense_pe()
            answers.append(sam.mask_decoder.predict_masks(image, places, sparse, dense, **more))
    assert_alike(*answers)
