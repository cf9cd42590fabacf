"""Import lines of programs that are written for the official packages: each name is where they look for it."""

from importlib import import_module

import pytest

DOORS = ("segment_anything", "segment_anything_hq")
PATHS = {
    # notebooks, samgeo, IOPaint, lang-sam, autodistill
    "": "Sam SamAutomaticMaskGenerator SamPredictor build_sam build_sam_vit_b build_sam_vit_h build_sam_vit_l "
    "sam_model_registry",
    "build_sam": "build_sam build_sam_vit_b build_sam_vit_h build_sam_vit_l build_sam_vit_t sam_model_registry",
    "predictor": "SamPredictor",
    "automatic_mask_generator": "SamAutomaticMaskGenerator",
    # micro-sam's and MedSAM's builders, featureforest, ComfyUI's and sd-webui's nodes
    "modeling": "ImageEncoderViT MaskDecoder MaskDecoderHQ PromptEncoder Sam TinyViT TwoWayTransformer",
    "modeling.sam": "Sam",
    "modeling.image_encoder": "Attention Block ImageEncoderViT PatchEmbed add_decomposed_rel_pos get_rel_pos "
    "window_partition window_unpartition",
    "modeling.mask_decoder": "MLP MaskDecoder",
    "modeling.mask_decoder_hq": "MaskDecoderHQ",
    "modeling.prompt_encoder": "PositionEmbeddingRandom PromptEncoder",
    "modeling.transformer": "TwoWayTransformer",
    "modeling.tiny_vit_sam": "TinyViT",
    "modeling.common": "LayerNorm2d MLPBlock",
    # SAM-PT, MedSAM, PerSAM, OpenVINO's notebooks
    "utils.transforms": "ResizeLongestSide",
    "utils.amg": "MaskData area_from_rle batch_iterator batched_mask_to_box box_xyxy_to_xywh "
    "build_all_layer_point_grids build_point_grid calculate_stability_score coco_encode_rle generate_crop_boxes "
    "is_box_near_crop_edge mask_to_rle_pytorch remove_small_regions rle_to_mask uncrop_boxes_xyxy uncrop_masks "
    "uncrop_points",
}


def names(door: str, path: str, wanted: str) -> dict[str, object]:
    module = import_module(".".join(part for part in ("hqsam.integrations", door, path) if part))
    return {name: getattr(module, name) for name in wanted.split()}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("path", PATHS)
def test_names_are_where_programs_import_them_from(door, path):
    """Every name of a path is one thing at both doors, but for the builders and the encoders that HQ-SAM changes."""
    found = names(door, path, PATHS[path])
    assert all(callable(value) or isinstance(value, dict) for value in found.values())


def test_both_doors_have_the_same_predictor_generator_and_model():
    for path, wanted in (
        ("", "Sam SamAutomaticMaskGenerator SamPredictor"),
        ("modeling", "MaskDecoderHQ PromptEncoder"),
    ):
        one, other = (names(door, path, wanted) for door in DOORS)
        assert one == other


def test_grounded_sam_finds_both_models_in_one_package():
    wanted = "build_sam build_sam_hq build_sam_hq_vit_l sam_model_registry sam_hq_model_registry SamPredictor"
    found = names("segment_anything", "", wanted)
    assert found["sam_hq_model_registry"]["default"] is found["build_sam_hq"]
    assert names("segment_anything", "build_sam_hq", "sam_hq_model_registry build_sam_hq_vit_h build_sam_hq_vit_b")
    other = names("segment_anything_hq", "", "build_sam_hq sam_hq_model_registry")
    assert all(found[name] is value for name, value in other.items())


def test_segment_anything_hq_has_its_baseline():
    found = names("segment_anything_hq", "", "sam_model_registry_baseline")
    assert found == names("segment_anything_hq", "build_sam_baseline", "sam_model_registry_baseline")
    assert set(found["sam_model_registry_baseline"]) >= {"default", "vit_b", "vit_l", "vit_h", "vit_tiny"}
