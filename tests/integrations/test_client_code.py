"""Programs that build models of the official parts, subclass them, or reach for their layers, in our own words."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from hqsam.errors import OptionError
from hqsam.integrations import segment_anything, segment_anything_hq
from hqsam.integrations.segment_anything import Sam, SamAutomaticMaskGenerator, SamPredictor
from hqsam.integrations.segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    MaskDecoderHQ,
    PromptEncoder,
    TinyViT,
    TwoWayTransformer,
)
from hqsam.integrations.segment_anything.modeling.image_encoder import window_partition, window_unpartition
from tests.tiny import tiny_model

POINTS, LABELS, BOX = np.array([[30, 20], [60, 40]]), np.array([1, 0]), np.array([10, 5, 80, 50])


@pytest.fixture(scope="module")
def photo():
    return np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)


def encoder_parts(kind=ImageEncoderViT, **changes):
    """The encoder of the tests' `vit`, as builders write it."""
    options = {
        "depth": 3,
        "embed_dim": 32,
        "img_size": 128,
        "mlp_ratio": 4,
        "norm_layer": partial(nn.LayerNorm, eps=1e-6),
        "num_heads": 2,
        "patch_size": 16,
        "qkv_bias": True,
        "use_rel_pos": True,
        "global_attn_indexes": [1, 2],
        "window_size": 3,
        "out_chans": 32,
    }
    return kind(**options | changes)


def decoder_parts(kind, **changes):
    transformer = TwoWayTransformer(depth=2, embedding_dim=32, mlp_dim=32, num_heads=4)
    options = {"num_multimask_outputs": 3, "transformer_dim": 32, "iou_head_depth": 3, "iou_head_hidden_dim": 32}
    return kind(transformer=transformer, **options | changes)


def prompt_parts():
    return PromptEncoder(embed_dim=32, image_embedding_size=(8, 8), input_image_size=(128, 128), mask_in_chans=8)


def built(encoder, decoder):
    return Sam(
        image_encoder=encoder,
        prompt_encoder=prompt_parts(),
        mask_decoder=decoder,
        pixel_mean=[123.675, 116.28, 103.53],
        pixel_std=[58.395, 57.12, 57.375],
    ).eval()


def predicted(sam, photo, **options):
    predictor = SamPredictor(sam)
    predictor.set_image(photo)
    return predictor.predict(POINTS, LABELS, **options)


class TestBuilders:
    """micro-sam, MedSAM, Grounded-SAM and many notebooks have a `_build_sam` of their own."""

    def test_plain_sam_is_put_together_of_its_parts(self, photo):
        sam = built(encoder_parts(), decoder_parts(MaskDecoder))
        sam.load_state_dict(Sam(tiny_model("plain_vit")).state_dict())
        for found, expected in zip(predicted(sam, photo), predicted(Sam(tiny_model("plain_vit")), photo), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert sam.model.config.encoder == tiny_model("plain_vit").config.encoder
        assert sam.model.hq is None

    @pytest.mark.parametrize("kind", [ImageEncoderViT, segment_anything_hq.modeling.ImageEncoderViT])
    def test_hq_sam_is_put_together_of_its_parts(self, photo, kind):
        sam = built(encoder_parts(kind), decoder_parts(MaskDecoderHQ, vit_dim=32))
        missing, unexpected = sam.load_state_dict(Sam(tiny_model("vit")).state_dict(), strict=False)
        assert not missing and not unexpected
        for found, expected in zip(predicted(sam, photo), predicted(Sam(tiny_model("vit")), photo), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert sam.model.config.hq == tiny_model("vit").config.hq

    def test_the_encoder_alone_returns_what_its_package_s_does(self):
        images = torch.zeros(1, 3, 128, 128)
        assert encoder_parts()(images).shape == (1, 32, 8, 8)
        embedding, early = encoder_parts(segment_anything_hq.modeling.ImageEncoderViT)(images)
        assert embedding.shape == (1, 32, 8, 8) and early[0].shape == (1, 8, 8, 32)

    def test_parts_of_a_table_s_model_are_that_model(self):
        with torch.device("meta"):
            transformer = TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=2048, num_heads=8)
            decoder = MaskDecoderHQ(transformer_dim=256, transformer=transformer, vit_dim=160)
            sam = Sam(TinyViT(img_size=1024, num_classes=1000), PromptEncoder(256, (64, 64), (1024, 1024), 16), decoder)
        assert sam.model.config.name == "vit_tiny"

    def test_more_masks_are_for_semantic_classes(self, photo):
        sam = built(encoder_parts(), decoder_parts(MaskDecoder, num_multimask_outputs=5))
        masks, scores, _ = predicted(sam, photo)
        assert masks.shape == (5, 60, 90) and scores.shape == (5,)

    def test_a_mask_generator_runs_what_was_put_together(self, photo):
        sam = built(encoder_parts(), decoder_parts(MaskDecoder))
        options = {"points_per_side": 2, "pred_iou_thresh": -9.0, "stability_score_thresh": 0.0}
        assert SamAutomaticMaskGenerator(sam, **options).generate(photo)

    def test_what_hqsam_s_modules_cannot_be_is_refused(self):
        with pytest.raises(OptionError, match="use_rel_pos=True only, and got False"):
            encoder_parts(use_rel_pos=False)
        with pytest.raises(OptionError, match=r"takes a TwoWayTransformer.*torch.nn.modules.linear.Linear"):
            MaskDecoder(transformer_dim=32, transformer=nn.Linear(32, 32))
        with pytest.raises(OptionError, match="embedding size are 8, 16"):
            wide = PromptEncoder(
                embed_dim=32, image_embedding_size=(16, 16), input_image_size=(128, 128), mask_in_chans=8
            )
            Sam(encoder_parts(), wide, decoder_parts(MaskDecoder))
        with pytest.raises(OptionError, match="early features are 32, 64"):
            built(encoder_parts(), decoder_parts(MaskDecoderHQ, vit_dim=64))
        with pytest.raises(OptionError, match="give all three"):
            Sam(encoder_parts())


class MetaPredictor(SamPredictor):
    """A predictor whose `predict_torch` has the signature of Meta's package, as sd-webui's and ComfyUI's have."""

    @torch.no_grad()
    def predict_torch(
        self, point_coords, point_labels, boxes=None, mask_input=None, multimask_output=True, return_logits=False
    ):
        points = None if point_coords is None else (point_coords, point_labels)
        sparse, dense = self.model.prompt_encoder(points=points, boxes=boxes, masks=mask_input)
        hq = {"hq_token_only": False, "interm_embeddings": self.interm_features} if self.model.has_hq else {}
        logits, scores = self.model.mask_decoder(
            image_embeddings=self.features,
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask_output,
            **hq,
        )
        masks = self.model.postprocess_masks(logits, self.input_size, self.original_size)
        return masks if return_logits else masks > self.model.mask_threshold, scores, logits


class TestSubclasses:
    @pytest.mark.parametrize("kind", ["vit", "plain_vit"])
    def test_predict_calls_a_predict_torch_of_meta_s_signature(self, photo, kind):
        predictor = MetaPredictor(Sam(tiny_model(kind)))
        predictor.set_image(photo)
        found, expected = predictor.predict(box=BOX), SamPredictor(predictor.model)
        expected.set_image(photo)
        np.testing.assert_allclose(found[2], expected.predict(box=BOX)[2], rtol=1e-3, atol=1e-5)
        assert predictor.predict(box=BOX, return_logits=True)[0].dtype == np.float32

    def test_a_predictor_may_keep_its_image_in_its_own_way(self, photo):
        class Restoring(SamPredictor):
            def __init__(self, sam_model, features, early):
                self.model, self.features, self.interm_features = sam_model, features, early
                self.transform = segment_anything.ResizeLongestSide(128)
                self.original_size, self.input_size, self.is_image_set = (60, 90), (85, 128), True

        predictor = SamPredictor(Sam(tiny_model("vit")))
        predictor.set_image(photo)
        restored = Restoring(predictor.model, predictor.features, predictor.interm_features)
        np.testing.assert_array_equal(restored.predict(box=BOX)[2], predictor.predict(box=BOX)[2])

    def test_a_mask_generator_that_builds_itself_sets_what_meta_s_does(self, photo):
        class Building(SamAutomaticMaskGenerator):
            def __init__(self, model):
                self.predictor = SamPredictor(model)
                self.points_per_batch, self.pred_iou_thresh, self.stability_score_thresh = 64, -9.0, 0.0
                self.stability_score_offset, self.box_nms_thresh, self.crop_n_layers = 1.0, 0.7, 0
                self.crop_nms_thresh, self.crop_overlap_ratio, self.crop_n_points_downscale_factor = 0.7, 0.3, 1
                self.point_grids = [np.array([[0.3, 0.3], [0.6, 0.6]])]
                self.min_mask_region_area, self.output_mode = 0, "binary_mask"

        assert Building(Sam(tiny_model("vit"))).generate(photo)

    def test_a_decoder_of_meta_s_signature_is_called_without_the_arguments_of_hq_sam(self, photo):
        class Decoder(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def forward(
                self, image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings, multimask_output
            ):
                return self.inner(
                    image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings, multimask_output
                )

        sam = Sam(tiny_model("plain_vit"))
        expected = predicted(sam, photo)[2]
        sam.mask_decoder = Decoder(sam.mask_decoder)
        np.testing.assert_array_equal(predicted(sam, photo)[2], expected)
        image = torch.zeros(3, 128, 128)
        assert sam([{"image": image, "original_size": (60, 90)}], multimask_output=True)[0]["masks"].shape[1] == 3

    def test_an_hq_encoder_and_decoder_made_of_meta_s_answer_as_ours(self, photo):
        """sd-webui and ComfyUI derive HQ-SAM from Meta's classes, by their layers."""
        sam = built(EncoderOfLayers.of_parts(), DecoderOfLayers.of_parts())
        assert not sam.load_state_dict(Sam(tiny_model("vit")).state_dict(), strict=False).missing_keys
        image = torch.rand(1, 3, 128, 128)
        embedding, early = sam.image_encoder(image)
        expected_embedding, expected_early = Sam(tiny_model("vit")).image_encoder(image)
        torch.testing.assert_close(embedding, expected_embedding)
        torch.testing.assert_close(early[0], expected_early[0])
        sparse, dense = sam.prompt_encoder(points=None, boxes=torch.tensor([[10.0, 5, 80, 50]]), masks=None)
        places = sam.prompt_encoder.get_dense_pe()
        found = sam.mask_decoder(embedding, places, sparse, dense, False, early)
        expected = Sam(tiny_model("vit")).mask_decoder(embedding, places, sparse, dense, False, False, early)
        torch.testing.assert_close(found, expected[0], rtol=1e-4, atol=1e-5)
        with pytest.raises(OptionError, match="use SamPredictor"):
            SamAutomaticMaskGenerator(sam, points_per_side=2).generate(photo)


class EncoderOfLayers(ImageEncoderViT):
    @classmethod
    def of_parts(cls):
        return encoder_parts(cls)

    def forward(self, x):
        x = self.patch_embed(x)
        if self.pos_embed is not None:
            x = x + self.pos_embed
        early = []
        for block in self.blocks:
            x = block(x)
            if block.window_size == 0:
                early.append(x)
        return self.neck(x.permute(0, 3, 1, 2)), early


class DecoderOfLayers(MaskDecoder):
    @classmethod
    def of_parts(cls):
        return decoder_parts(cls)

    def __init__(self, *, transformer_dim, transformer, **options):
        super().__init__(transformer_dim=transformer_dim, transformer=transformer, **options)
        from hqsam.integrations.segment_anything.modeling.common import LayerNorm2d
        from hqsam.integrations.segment_anything.modeling.mask_decoder import MLP

        def doubling(before, between, after):
            return nn.Sequential(
                nn.ConvTranspose2d(before, between, 2, 2),
                LayerNorm2d(between),
                nn.GELU(),
                nn.ConvTranspose2d(between, after, 2, 2),
            )

        width = transformer_dim
        self.hf_token = nn.Embedding(1, width)
        self.hf_mlp = MLP(width, width, width // 8, 3)
        self.compress_vit_feat = doubling(32, width, width // 8)
        self.embedding_encoder = doubling(width, width // 4, width // 8)
        self.embedding_maskfeature = nn.Sequential(
            nn.Conv2d(width // 8, width // 4, 3, 1, 1),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.Conv2d(width // 4, width // 8, 3, 1, 1),
        )

    def forward(self, image_embeddings, image_pe, sparse, dense, multimask_output, interm_embeddings):
        early = interm_embeddings[0].permute(0, 3, 1, 2)
        hq_features = self.embedding_encoder(image_embeddings) + self.compress_vit_feat(early)
        tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight, self.hf_token.weight])
        tokens = torch.cat([tokens[None].expand(len(sparse), -1, -1), sparse], dim=1)
        image = torch.repeat_interleave(image_embeddings, len(tokens), dim=0) + dense
        places = torch.repeat_interleave(image_pe, len(tokens), dim=0)
        hs, source = self.transformer(image, places, tokens)
        upscaled = self.output_upscaling(source.transpose(1, 2).view(image.shape))
        fused = self.embedding_maskfeature(upscaled) + hq_features
        sam_mask = self.output_hypernetworks_mlps[0](hs[:, 1, :])[:, None] @ upscaled.flatten(2)
        hq_mask = self.hf_mlp(hs[:, 5, :])[:, None] @ fused.flatten(2)
        return (sam_mask + hq_mask).unflatten(2, upscaled.shape[2:])


class TestLayers:
    def test_a_volume_goes_through_blocks_that_a_program_wraps(self):
        """micro-sam's wrapper for volumes: its own blocks around ours, window by window."""

        class Wrapped(nn.Module):
            def __init__(self, block):
                super().__init__()
                self.block = block

            def forward(self, x):
                shortcut, x = x, self.block.norm1(x)
                height, width = x.shape[1:3]
                if self.block.window_size > 0:
                    x, padded = window_partition(x, self.block.window_size)
                x = self.block.attn(x)
                if self.block.window_size > 0:
                    x = window_unpartition(x, self.block.window_size, padded, (height, width))
                x = shortcut + x
                return x + self.block.mlp(self.block.norm2(x))

        encoder, images = Sam(tiny_model("plain_vit")).image_encoder, torch.rand(2, 3, 128, 128)
        expected = encoder(images)
        for index, block in enumerate(encoder.blocks):
            encoder.blocks[index] = Wrapped(block)
        torch.testing.assert_close(encoder(images), expected, rtol=1e-4, atol=1e-5)
        encoder.blocks[0].block.norm1.weight.data.zero_()
        assert not torch.allclose(encoder(images), expected, atol=1e-3)

    def test_lora_wraps_the_projection_of_each_block(self):
        """As SAMed and its kin do, with a module that has no bias of its own to ask for."""

        class Lora(nn.Module):
            def __init__(self, qkv):
                super().__init__()
                self.qkv, self.down, self.up = qkv, nn.Linear(32, 2, bias=False), nn.Linear(2, 32, bias=False)
                nn.init.zeros_(self.up.weight)

            def forward(self, x):
                qkv = self.qkv(x)
                return torch.cat([qkv[..., :32] + self.up(self.down(x)), qkv[..., 32:]], dim=-1)

        sam, images = Sam(tiny_model("vit")), torch.rand(1, 3, 128, 128)
        expected = sam.image_encoder(images)[0].detach()
        for block in sam.image_encoder.blocks:
            block.attn.qkv = Lora(block.attn.qkv)
        found = sam.image_encoder(images)[0]
        torch.testing.assert_close(found, expected)
        found.square().sum().backward()
        assert all(block.attn.qkv.up.weight.grad.abs().sum() > 0 for block in sam.image_encoder.blocks)
        with torch.no_grad():
            for block in sam.image_encoder.blocks:
                block.attn.qkv.up.weight.fill_(1.0)
        assert not torch.allclose(sam.image_encoder(images)[0], expected, atol=1e-3)

    def test_a_layer_that_is_called_differently_is_explained(self):
        sam = Sam(tiny_model("tiny_vit"))
        with pytest.raises(AttributeError, match=r"TinyViT has no layer 'patch_embed'.*print"):
            _ = sam.image_encoder.patch_embed
        with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
            _ = sam.image_encoder.nonsense
        assert not hasattr(sam.mask_decoder, "hf_token")

    def test_prompt_layers_are_what_the_encoder_uses(self):
        encoder = Sam(tiny_model("plain_vit")).prompt_encoder
        sparse, dense = encoder(points=(torch.tensor([[[30.0, 20]]]), torch.tensor([[1]])), boxes=None, masks=None)
        place = encoder.pe_layer.forward_with_coords(torch.tensor([[[30.5, 20.5]]]), (128, 128))
        torch.testing.assert_close(sparse[:, :1], place + encoder.point_embeddings[1].weight)
        torch.testing.assert_close(sparse[0, 1:], encoder.not_a_point_embed.weight)
        torch.testing.assert_close(dense[0, :, 0, 0], encoder.no_mask_embed.weight[0])
        torch.testing.assert_close(encoder.pe_layer((8, 8))[None], encoder.get_dense_pe())

    @pytest.mark.parametrize("kind", ["vit", "plain_vit"])
    def test_all_masks_at_once(self, kind):
        decoder, generator = Sam(tiny_model(kind)).mask_decoder, torch.Generator().manual_seed(1)
        image, places, sparse, dense = (torch.randn(1, 32, 8, 8, generator=generator) for _ in range(4))
        sparse = sparse.flatten(2).mT[:, :2]
        hq = decoder.hq_features_of(image, [torch.randn(1, 8, 8, 32, generator=generator)])
        masks, scores = decoder.predict_masks(image, places, sparse, dense, hq)
        assert masks.shape == (1, decoder.num_mask_tokens, 32, 32) and scores.shape == (1, 4)
        one, score = decoder(image, places, sparse, dense, False, hq_features=hq)
        expected = masks[:, :1] if decoder.hq is None else masks[:, :1] + masks[:, -1:]
        torch.testing.assert_close(one, expected)
        torch.testing.assert_close(score, scores[:, :1])
