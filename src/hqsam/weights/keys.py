"""Names of our parameters in other code, and the renaming of a file's tensors.

Each row of the tables, here and in the folders of encoders' families, has our name, the official one
(segment-anything, segment-anything-hq, MobileSAM) and the one of Hugging Face transformers (`SamModel`, `SamHQModel`).
A dash: that code has no such part. SAM 2 has tables of its own, whose columns are its own code and `Sam2Model`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from hqsam.errors import CheckpointError
from hqsam.model.config import ModelConfig
from hqsam.model.encoders import FAMILIES, family_of

Naming = Literal["hqsam", "official", "transformers", "official_2", "transformers_2"]
NAMINGS: tuple[Naming, ...] = ("hqsam", "official", "transformers")
"""The namings to choose from; which generation of SAM they are of, follows from the model (`naming_for`)."""

_GENERATIONS: dict[int, tuple[Naming, Naming, Naming]] = {
    1: ("hqsam", "official", "transformers"),
    2: ("hqsam", "official_2", "transformers_2"),
}
"""The namings of the tables' columns, by SAM's generation."""
_ALL: tuple[Naming, ...] = ("hqsam", "official", "transformers", "official_2", "transformers_2")

Change = Literal["same", "row", "stack"]

UNUSED = "unused."
"""Prefix, in our files, of a tensor that our model does not use; its original name follows."""


class Sorted(NamedTuple):
    """A file's tensors, sorted by `to_ours`."""

    ours: dict[str, Tensor]
    """Tensors of our model, under our names."""
    unused: dict[str, Tensor]
    """Tensors that are known but of no use to our model, under `unused.` and their own names."""
    unknown: dict[str, Tensor]
    """Tensors that no code we know of has, under their own names."""


def naming_for(naming: Naming, config: ModelConfig) -> Naming:
    """Return a naming of `NAMINGS` as the code of a model's own generation has it."""
    generation = family_of(config.encoder).tensor_names.generation
    return _GENERATIONS[generation][NAMINGS.index(naming)] if naming in NAMINGS else naming


def is_transformers(naming: Naming) -> bool:
    """Return True for the names of transformers, of either generation."""
    return naming.startswith("transformers")


def naming_of(keys: Iterable[str]) -> Naming | None:
    """Return the naming of a file's keys; None if most of them belong to none that we know."""
    keys = [key for key in keys if not key.startswith(UNUSED)]
    known = {naming: sum(_match(key, naming) is not None or _is_unused(key, naming) for key in keys) for naming in _ALL}
    best = max(_ALL, key=lambda naming: known[naming])
    return best if 2 * known[best] > len(keys) else None


def to_ours(tensors: Mapping[str, Tensor], naming: Naming) -> Sorted:
    """Sort a file's tensors and give them our names. Nothing is lost: `from_ours` is the way back."""
    found = Sorted({}, {}, {})
    stacks: dict[str, dict[int, Tensor]] = {}
    for key, tensor in tensors.items():
        match = _match(key, naming)
        if naming == "hqsam":
            (found.unused if key.startswith(UNUSED) else found.ours)[key] = tensor
        elif match is None:
            is_unused = _is_unused(key, naming)
            (found.unused if is_unused else found.unknown)[UNUSED + key if is_unused else key] = tensor
        elif match.rule.change_in(naming) == "stack":
            stacks.setdefault(match.name_in("hqsam"), {})[int(match.words["stack"])] = tensor
        else:
            found.ours[match.name_in("hqsam")] = tensor.flatten() if match.rule.change_in(naming) == "row" else tensor
    for name, rows in stacks.items():
        found.ours[name] = torch.cat([rows[index] for index in sorted(rows)])
    return found


def from_ours(tensors: Mapping[str, Tensor], naming: Naming) -> dict[str, Tensor]:
    """Rename our tensors, and what came along unused, to the names of other code.

    Raises:
        CheckpointError: the code with those names has no such part.
    """
    theirs: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        original = key.removeprefix(UNUSED)
        if naming == "hqsam":
            theirs[key] = tensor
        elif original == key:
            theirs.update(_split(key, tensor, naming))
        elif _is_unused(original, naming):
            theirs[original] = tensor
    for name, other in _COPIES.get(naming, {}).items():
        if name in theirs:
            theirs[other] = theirs[name].clone()  # files cannot hold one tensor under two names
    return theirs


def names_in(naming: Naming, key: str) -> list[str]:
    """Return the names of a parameter of ours in other code; several where it is held in pieces there.

    Raises:
        CheckpointError: the code with those names has no such part.
    """
    match = _match_in(key, naming)
    if match is None:
        raise CheckpointError(f"{naming} code has no counterpart to our {key}")
    pieces = _STACKED if match.rule.change_in(naming) == "stack" else 1
    return [match.name_in(naming, stack=str(index)) for index in range(pieces)]


def _split(key: str, tensor: Tensor, naming: Naming) -> dict[str, Tensor]:
    names = names_in(naming, key)
    match = _match_in(key, naming)
    if match is None or match.rule.change_in(naming) == "same":
        return {names[0]: tensor}
    rows = tensor.reshape(len(names), -1).split(1)
    return dict(zip(names, rows, strict=True))


_ENCODER = ("image_encoder", "image_encoder", "vision_encoder")

# {i} and {j} stand for numbers and * for the rest; the other words in braces are looked up in _WORDS. What only one
# family of encoders has is in its folder, `model/encoders/*/tensor_names.py`.
_TABLES = {
    _ENCODER: """
        neck.{neck}.*                 neck.{neck}.*               neck.{neck}.*
    """,
    ("prompt_encoder", "prompt_encoder", "prompt_encoder"): """
        point_kinds.weight            point_embeddings.{stack}.weight  point_embed.{stack}.weight
        padding                       not_a_point_embed.weight{row}    not_a_point_embed.weight{row}
        no_mask                       no_mask_embed.weight{row}        no_mask_embed.weight{row}
        mask_to_embedding.{mask}.*    mask_downscaling.{mask}.*        mask_embed.{mask}.*
    """,
    ("prompt_encoder", "prompt_encoder.pe_layer", "shared_image_embedding"): """
        frequencies                   positional_encoding_gaussian_matrix  positional_embedding
    """,
    ("mask_decoder.transformer",) * 3: """
        blocks.{i}.{look}.{part}.*    layers.{i}.{look}.{part}.*  layers.{i}.{look}.{part}.*
        blocks.{i}.{norm}.*           layers.{i}.{norm}.*         layers.{i}.{norm}.*
        blocks.{i}.{mlp}.*           layers.{i}.{mlp}.*         layers.{i}.{mlp}.*
        final_attention.{part}.*      final_attn_token_to_image.{part}.* final_attn_token_to_image.{part}.*
        final_norm.*                  norm_final_attn.*           layer_norm_final_attn.*
    """,
    ("mask_decoder",) * 3: """
        iou_token                     iou_token.weight            iou_token.weight
        mask_tokens                   mask_tokens.weight          mask_tokens.weight
        upscale.{upscale}.*           output_upscaling.{upscale}.* upscale_{upscale}.*
        filters.{i}.{mlp3}.*          output_hypernetworks_mlps.{i}.{mlp3}.* output_hypernetworks_mlps.{i}.{mlp3}.*
        iou_head.{mlp3}.*             iou_prediction_head.{mlp3}.* iou_prediction_head.{mlp3}.*
    """,
    ("hq", "mask_decoder", "mask_decoder"): """
        token                         hf_token.weight             hq_token.weight
        filter.{mlp3}.*               hf_mlp.{mlp3}.*             hq_mask_mlp.{mlp3}.*
        from_early.{conv}.*           compress_vit_feat.{conv}.*  compress_vit_{conv}.*
        from_final.{conv}.*           embedding_encoder.{conv}.*  encoder_{conv}.*
        from_decoder.{conv}.*         embedding_maskfeature.{conv}.* mask_{conv}.*
    """,
}

_DECODER_2 = ("mask_decoder", "sam_mask_decoder", "mask_decoder")
_TABLES_2 = {
    ("image_encoder", "", ""): """
        no_memory                     no_mem_embed                no_memory_embedding
        skips.0.*                     sam_mask_decoder.conv_s1.*  mask_decoder.conv_s1.*
        skips.1.*                     sam_mask_decoder.conv_s0.*  mask_decoder.conv_s0.*
    """,
    ("prompt_encoder", "sam_prompt_encoder", "prompt_encoder"): """
        point_kinds.weight            point_embeddings.{stack}.weight  point_embed.weight
        padding                       not_a_point_embed.weight{row}    not_a_point_embed.weight{row}
        no_mask                       no_mask_embed.weight{row}        no_mask_embed.weight{row}
        mask_to_embedding.{mask}.*    mask_downscaling.{mask}.*        mask_embed.{mask}.*
    """,
    ("prompt_encoder", "sam_prompt_encoder.pe_layer", "shared_image_embedding"): """
        frequencies                   positional_encoding_gaussian_matrix  positional_embedding
    """,
    ("mask_decoder.transformer", "sam_mask_decoder.transformer", "mask_decoder.transformer"): """
        blocks.{i}.{look}.{part}.*    layers.{i}.{look}.{part}.*  layers.{i}.{look}.{part}.*
        blocks.{i}.{norm}.*           layers.{i}.{norm}.*         layers.{i}.{norm}.*
        blocks.{i}.{two_mlp}.*        layers.{i}.{two_mlp}.*      layers.{i}.{two_mlp}.*
        final_attention.{part}.*      final_attn_token_to_image.{part}.* final_attn_token_to_image.{part}.*
        final_norm.*                  norm_final_attn.*           layer_norm_final_attn.*
    """,
    _DECODER_2: """
        iou_token                     iou_token.weight            iou_token.weight
        mask_tokens                   mask_tokens.weight          mask_tokens.weight
        object_token                  obj_score_token.weight      obj_score_token.weight
        upscale.{upscale}.*           output_upscaling.{upscale}.* upscale_{upscale}.*
        filters.{i}.{mlp3}.*          output_hypernetworks_mlps.{i}.{mlp3}.* output_hypernetworks_mlps.{i}.{mlp3}.*
        iou_head.{mlp3}.*             iou_prediction_head.{mlp3}.* iou_prediction_head.{mlp3}.*
        object_head.{mlp3}.*          pred_obj_score_head.{mlp3}.* pred_obj_score_head.{mlp3}.*
    """,
    ("memory", "", ""): """
        map_times                     maskmem_tpos_enc            memory_temporal_positional_encoding
        absent_map                    no_obj_embed_spatial        occlusion_spatial_embedding_parameter
        absent_pointer                no_obj_ptr                  no_object_pointer
        unused_positions              no_mem_pos_enc              no_memory_positional_encoding
        to_pointer.{mlp3}.*           obj_ptr_proj.{mlp3}.*       object_pointer_proj.{mlp3}.*
        pointer_times.*               obj_ptr_tpos_proj.*         temporal_positional_encoding_projection_layer.*
        mask_to_prompt.*              mask_downsample.*           mask_downsample.*
    """,
    ("memory.attention", "memory_attention", "memory_attention"): """
        layers.{i}.{see}.{part}.*     layers.{i}.{see}.{part}.*   layers.{i}.{see}.{part}.*
        layers.{i}.{see_norm}.*       layers.{i}.{see_norm}.*     layers.{i}.{see_norm}.*
        layers.{i}.{linear}.*         layers.{i}.{linear}.*       layers.{i}.{linear}.*
        norm.*                        norm.*                      layer_norm.*
    """,
    ("memory.encoder",) + ("memory_encoder",) * 2: """
        shrink_mask.{shrink}.*        mask_downsampler.{shrink}.* mask_downsampler.{shrink}.*
        from_features.*               pix_feat_proj.*             feature_projection.*
        mix.{i}.scale                 fuser.layers.{i}.gamma      memory_fuser.layers.{i}.scale
        mix.{i}.{mix}.*               fuser.layers.{i}.{mix}.*    memory_fuser.layers.{i}.{mix}.*
        out.*                         out_proj.*                  projection.*
    """,
    ("hq", "sam_mask_decoder", "-"): """
        token                         hf_token.weight             -
        filter.{mlp3}.*               hf_mlp.{mlp3}.*             -
        from_decoder.{conv}.*         embedding_maskfeature.{conv}.* -
    """,
}

# Ours, official, transformers; where the third is missing, it is the second.
_WORDS = {
    "neck": ("reduce 0 conv1", "reduce_norm 1 layer_norm1", "smooth 2 conv2", "smooth_norm 3 layer_norm2"),
    "mlp": ("mlp.0 mlp.lin1", "mlp.2 mlp.lin2"),
    "mask": ("0 0 conv1", "1 1 layer_norm1", "3 3 conv2", "4 4 layer_norm2", "6 6 conv3"),
    "look": (
        "self_attention self_attn",
        "to_image cross_attn_token_to_image",
        "from_image cross_attn_image_to_token",
    ),
    "part": ("query q_proj", "key k_proj", "value v_proj", "out out_proj"),
    "norm": (
        *("self_norm norm1 layer_norm1", "to_image_norm norm2 layer_norm2"),
        *("mlp_norm norm3 layer_norm3", "from_image_norm norm4 layer_norm4"),
    ),
    "upscale": ("0 0 conv1", "1 1 layer_norm", "3 3 conv2"),
    "mlp3": ("0 layers.0 proj_in", "2 layers.1 layers.0", "4 layers.2 proj_out"),
    "conv": ("0 0 conv1", "1 1 norm", "3 3 conv2"),
}
_WORDS_2 = {
    **_WORDS,
    "part": ("query q_proj", "key k_proj", "value v_proj", "out out_proj o_proj"),
    "two_mlp": ("mlp.0 mlp.layers.0 mlp.proj_in", "mlp.2 mlp.layers.1 mlp.proj_out"),
    "see": ("self_attention self_attn", "memory_attention cross_attn_image"),
    "see_norm": ("self_norm norm1 layer_norm1", "memory_norm norm2 layer_norm2", "mlp_norm norm3 layer_norm3"),
    "linear": ("mlp.0 linear1", "mlp.2 linear2"),
    "shrink": (
        *(f"{3 * step} encoder.{3 * step} layers.{step}.conv" for step in range(4)),
        *(f"{3 * step + 1} encoder.{3 * step + 1} layers.{step}.layer_norm" for step in range(4)),
        "12 encoder.12 final_conv",
    ),
    "mix": (
        *("filter dwconv depthwise_conv", "norm norm layer_norm"),
        *("mlp.0 pwconv1 pointwise_conv1", "mlp.2 pwconv2 pointwise_conv2"),
    ),
}

# A constant that some versions store; and a tensor that transformers ties to shared_image_embedding's, of which a file
# may hold both.
_UNUSED_NAMES: dict[Naming, str] = {
    "official": r"pixel_(mean|std)",
    "transformers": r"prompt_encoder\.shared_embedding\.positional_embedding",
    "transformers_2": r"prompt_encoder\.shared_embedding\.positional_embedding",
}

_COPIES: dict[Naming, dict[str, str]] = {
    "transformers_2": {
        "shared_image_embedding.positional_embedding": "prompt_encoder.shared_embedding.positional_embedding"
    }
}
"""Names under which code has a tensor once more; `Sam2Model` does not tie the two."""

_STACKED = 4
"""Kinds of points: others keep an embedding for each, we keep a table."""


def _is_unused(key: str, naming: Naming) -> bool:
    of_families = (family.tensor_names.unused.get(naming) for family in FAMILIES.values())
    return any(re.fullmatch(pattern, key) for pattern in (_UNUSED_NAMES.get(naming), *of_families) if pattern)


@dataclass(frozen=True)
class _Rule:
    """One kind of parameter, in every naming."""

    names: dict[Naming, str | None]
    """With {i}, {j}, {rest} and {stack} where a key has its own words."""
    changes: dict[Naming, Change]
    """`row`: others have an axis of length 1 before ours. `stack`: so, and one tensor for each row of ours."""

    def change_in(self, naming: Naming) -> Change:
        """Return what becomes of the tensor between a naming and ours."""
        return self.changes.get(naming, "same")


class _Match(NamedTuple):
    rule: _Rule
    words: dict[str, str]

    def name_in(self, naming: Naming, **more: str) -> str:
        template = self.rule.names.get(naming)
        assert template is not None
        return template.format(**{**self.words, **more})


@lru_cache(maxsize=10_000)
def _match(key: str, naming: Naming) -> _Match | None:
    for pattern, rule in _patterns(naming):
        if found := pattern.fullmatch(key):
            return _Match(rule, found.groupdict())
    return None


@lru_cache(maxsize=10_000)
def _match_in(key: str, naming: Naming) -> _Match | None:
    """Return what our name for a tensor matches, among those that a naming has, too."""
    for pattern, rule in _patterns("hqsam"):
        if rule.names.get(naming) is not None and (found := pattern.fullmatch(key)):
            return _Match(rule, found.groupdict())
    return None


@cache
def _patterns(naming: Naming) -> list[tuple[re.Pattern[str], _Rule]]:
    return [(_pattern(template), rule) for rule in _rules() if (template := rule.names.get(naming)) is not None]


def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template)
    for word, meaning in {"i": r"\d+", "j": r"\d+", "stack": r"\d+", "rest": r"[a-z_]+"}.items():
        pattern = pattern.replace(re.escape(f"{{{word}}}"), f"(?P<{word}>{meaning})")
    return re.compile(pattern)


@cache
def _rules() -> list[_Rule]:
    tables = [(1, prefixes, rows, _WORDS) for prefixes, rows in _TABLES.items()]
    tables += [(2, prefixes, rows, _WORDS_2) for prefixes, rows in _TABLES_2.items()]
    tables += [
        (names.generation, _ENCODER, names.rows, {**_WORDS, **names.words})
        for names in (family.tensor_names for family in FAMILIES.values())
    ]
    return [
        _rule(names, _GENERATIONS[generation])
        for generation, prefixes, rows, words in tables
        for line in rows.strip().splitlines()
        for names in _spelled_out(_with_prefixes(prefixes, line.split()), words)
    ]


def _with_prefixes(prefixes: tuple[str, str, str], names: list[str]) -> list[str | None]:
    return [
        None if name == "-" else f"{prefix}.{name}" if prefix else name
        for prefix, name in zip(prefixes, names, strict=True)
    ]


def _spelled_out(row: list[str | None], words: Mapping[str, tuple[str, ...]]) -> Iterator[list[str | None]]:
    """Yield the row once for each choice of its words."""
    used = [word for word in words if f"{{{word}}}" in (row[0] or "")]
    for choice in product(*(words[word] for word in used)):
        columns = [(*spelling.split(), spelling.split()[-1])[:3] for spelling in choice]
        yield [_fill(name, used, [column[index] for column in columns]) for index, name in enumerate(row)]


def _fill(name: str | None, words: list[str], spellings: list[str]) -> str | None:
    for word, spelling in zip(words, spellings, strict=True):
        name = name and name.replace(f"{{{word}}}", spelling)
    return name and name.replace("*", "{rest}")


def _rule(names: list[str | None], namings: tuple[Naming, Naming, Naming]) -> _Rule:
    plain = [name and name.replace("{row}", "") for name in names]
    changes: list[Change] = [_change(name or "") for name in names]
    return _Rule(dict(zip(namings, plain, strict=True)), dict(zip(namings, changes, strict=True)))


def _change(template: str) -> Change:
    return "stack" if "{stack}" in template else "row" if "{row}" in template else "same"
