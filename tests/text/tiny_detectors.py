"""Zero-shot detectors of transformers' real classes, so small that tests make them, with random weights."""

import json
import string
from pathlib import Path

import torch

_WORDS = ("a", "the", "cup", "spoon", "cat", "eye", "hat", ".", ",")


def save_grounding_dino(folder: Path, kind: str = "grounding-dino") -> Path:
    """Write a tiny Grounding DINO, or MM-Grounding DINO, with its tokenizer and image processor."""
    import transformers as hf

    backbone = hf.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )  # fmt: skip
    words = hf.BertConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    sizes = {
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "num_queries": 12, "max_text_len": 32,
        "num_feature_levels": 4, "encoder_n_points": 2, "decoder_n_points": 2,
    }  # fmt: skip
    of = {
        "grounding-dino": (hf.GroundingDinoConfig, hf.GroundingDinoForObjectDetection),
        "mm-grounding-dino": (hf.MMGroundingDinoConfig, hf.MMGroundingDinoForObjectDetection),
    }
    config_class, model_class = of[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model_class(config_class(backbone_config=backbone, text_config=words, **sizes)).save_pretrained(folder)
    _bert_tokenizer(folder)
    from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

    GroundingDinoImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 96}).save_pretrained(folder)
    return folder


def save_owlv2(folder: Path) -> Path:
    """Write a tiny OWLv2, with its tokenizer and image processor."""
    import transformers as hf
    from transformers.models.owlv2.image_processing_pil_owlv2 import Owlv2ImageProcessorPil

    words = {
        "vocab_size": 57, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 16, "bos_token_id": 55, "eos_token_id": 56,
        "pad_token_id": 0,
    }  # fmt: skip
    sight = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 64, "patch_size": 16,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = hf.Owlv2Config(text_config=words, vision_config=sight, projection_dim=16)
        hf.Owlv2ForObjectDetection(config).save_pretrained(folder)
    _clip_tokenizer(folder)
    Owlv2ImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


def _bert_tokenizer(folder: Path) -> None:
    from transformers import BertTokenizer

    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS]))
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)


def _clip_tokenizer(folder: Path) -> None:
    """Byte-pair encoding without any pair: words are letters."""
    from transformers import CLIPTokenizer

    letters = [*string.ascii_lowercase, "."]
    # The model takes a text whose first token is 0 for padding, and the highest token for its end.
    tokens = ["!", *letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
