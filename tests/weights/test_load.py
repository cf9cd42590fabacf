import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from hqsam.errors import CheckpointError, DataWarning, OptionError
from hqsam.model.hq_sam import HQSam
from hqsam.weights.convert import convert
from hqsam.weights.keys import from_ours
from hqsam.weights.load import load_model
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.save import save_model
from tests.tiny import KINDS, tiny_config, tiny_model
from tests.weights.checkpoints import assert_same_tensors, official, official_file, our_file

pytestmark = pytest.mark.usefixtures("tiny_models")


def saved(path: Path, loaded: object) -> Path:
    torch.save(loaded, path)
    return path


def assert_is(model: HQSam, kind: str) -> None:
    assert model.config == tiny_config(kind)
    assert_same_tensors(dict(model.state_dict()), dict(tiny_model(kind).state_dict()))


class TestEveryKindOfFile:
    @pytest.mark.parametrize("kind", KINDS)
    def test_an_official_file_says_itself_which_model_it_is(self, tmp_path, kind):
        assert_is(load_model(official_file(tmp_path, kind)), kind)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_file_of_ours_brings_its_config(self, tmp_path, kind):
        assert_is(load_model(str(our_file(tmp_path, kind))), kind)

    def test_a_folder_of_transformers_brings_its_config(self, tmp_path):
        folder = convert(our_file(tmp_path), tmp_path / "folder")
        assert load_model(folder).config == tiny_config("vit")
        assert_is(load_model(folder / "model.safetensors"), "vit")

    def test_transformers_names_without_a_config_are_known_by_their_shapes(self, tmp_path):
        tensors = from_ours(tiny_model().state_dict(), "transformers")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, tmp_path / "any.safetensors")
        assert_is(load_model(tmp_path / "any.safetensors"), "vit")

    def test_transformers_shards_are_put_together(self, tmp_path):
        folder = convert(our_file(tmp_path), tmp_path / "folder")
        split_in_two(folder)
        assert_is(load_model(folder), "vit")

    def test_official_names_in_safetensors(self, tmp_path):
        path = convert(official_file(tmp_path), tmp_path / "a.safetensors", naming="official")
        assert_is(load_model(path), "vit")

    @pytest.mark.parametrize("wrapper", ["model", "state_dict"])
    def test_a_state_dict_among_the_things_of_a_training_script(self, tmp_path, wrapper):
        path = saved(tmp_path / "epoch_3.pth", {"epoch": 3, wrapper: official(), "optimizer": {"lr": 0.1}})
        assert_is(load_model(path), "vit")

    @pytest.mark.parametrize("kind", ["vit", "plain_tiny_vit"])
    @pytest.mark.parametrize("prefix", ["", "sam."])
    def test_a_checkpoint_of_micro_sam_is_its_sam(self, tmp_path, kind, prefix):
        tensors = {f"{prefix}{key}": tensor for key, tensor in official(kind).items()}
        alone = saved(tmp_path / "alone.pt", {"model_state": tensors})
        assert_is(load_model(alone), kind)
        decoder = {"decoder.blocks.0.weight": torch.zeros(2), "out_conv.weight": torch.zeros(3)}
        both = saved(tmp_path / "both.pt", {"model_state": tensors, "decoder_state": decoder})
        with pytest.warns(DataWarning, match="decoder_state.*is not used"):
            model = load_model(both)
        assert_is(model, kind)

    def test_the_prefix_of_data_parallel_training(self, tmp_path):
        tensors = {f"module.{key}": tensor for key, tensor in official().items()}
        assert_is(load_model(saved(tmp_path / "a.pth", tensors)), "vit")

    def test_the_file_format_of_old_torch(self, tmp_path):
        torch.save(official(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
        assert_is(load_model(tmp_path / "old.pth"), "vit")

    def test_a_name_of_the_table(self, tmp_path, monkeypatch):
        path = official_file(tmp_path)
        monkeypatch.setenv("HQSAM_HOME", str(tmp_path))
        name = tiny_config("vit").name
        row = Checkpoint(name=name, file=path.name, origin="us", mirrors=("x",), bytes=path.stat().st_size)
        monkeypatch.setitem(CHECKPOINTS, name, row)
        assert_is(load_model(name), "vit")

    def test_float16_in_the_file_is_float32_in_the_model(self, tmp_path):
        save_model(tiny_model(), tmp_path / "half.safetensors", precision=torch.float16)
        model = load_model(tmp_path / "half.safetensors")
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        expected = tiny_model().hq.token.half().float()
        assert torch.equal(model.hq.token, expected)


class TestTheModel:
    def test_is_ready_to_predict_and_has_no_part_left_empty(self, tmp_path):
        model = load_model(official_file(tmp_path, "tiny_vit"))
        assert not model.training
        assert all(tensor.device.type == "cpu" for tensor in model.state_dict(keep_vars=True).values())

    def test_is_not_initialised_at_random_first(self, tmp_path):
        path = official_file(tmp_path)
        before = torch.get_rng_state()
        load_model(path)
        assert torch.equal(torch.get_rng_state(), before)

    def test_changing_it_leaves_the_file_as_it_was(self, tmp_path):
        path = our_file(tmp_path)
        before = path.read_bytes()
        with torch.no_grad():
            for parameter in load_model(path).parameters():
                parameter.zero_()
        assert path.read_bytes() == before

    def test_can_be_trained(self, tmp_path):
        model = load_model(our_file(tmp_path))
        assert all(parameter.requires_grad for parameter in model.parameters())


class TestAnotherModel:
    def test_plain_sam_asked_for_as_hq(self, tmp_path):
        path = official_file(tmp_path, "plain_vit")
        message = "this is a plain SAM checkpoint; load it as plain_vit_of_the_tests, or train an HQ decoder on it"
        with pytest.raises(CheckpointError, match=message):
            load_model(path, model="vit_of_the_tests")

    def test_hq_asked_for_as_plain_sam(self, tmp_path):
        with pytest.raises(CheckpointError, match="it has an HQ decoder; load it as vit_of_the_tests"):
            load_model(official_file(tmp_path), model="plain_vit_of_the_tests")

    def test_another_size(self, tmp_path):
        with pytest.raises(CheckpointError, match="is not vit_l: it holds vit_of_the_tests"):
            load_model(official_file(tmp_path), model="vit_l")

    def test_a_part_of_a_sam_2(self, tmp_path):
        tensors = {"image_encoder.trunk.pos_embed": torch.zeros(1), "sam_mask_decoder.iou_token.weight": torch.zeros(1)}
        with pytest.raises(CheckpointError, match="is of no model that we know"):
            load_model(saved(tmp_path / "sam2.pt", {"model": tensors}))

    def test_a_decoder_alone_as_the_official_training_saves_it(self, tmp_path):
        decoder = {k.removeprefix("mask_decoder."): v for k, v in official().items() if k.startswith("mask_decoder.")}
        with pytest.raises(CheckpointError, match="this is a mask decoder alone"):
            load_model(saved(tmp_path / "epoch_11.pth", decoder))

    def test_a_part_of_a_model(self, tmp_path):
        decoder = {key: value for key, value in official().items() if key.startswith("mask_decoder.")}
        with pytest.raises(CheckpointError, match="has no image encoder"):
            load_model(saved(tmp_path / "part.pth", decoder))

    def test_something_else_altogether(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"no SAM or HQ-SAM checkpoint.*layer1\.weight"):
            load_model(saved(tmp_path / "resnet.pth", {"layer1.weight": torch.zeros(3)}))

    def test_an_encoder_of_unknown_size(self, tmp_path):
        tensors = {k: v for k, v in official().items() if not k.startswith("image_encoder.blocks.2.")}
        with pytest.raises(CheckpointError, match="of no model that we know"):
            load_model(saved(tmp_path / "a.pth", tensors))


class TestStrictness:
    def test_a_missing_tensor_is_named_as_the_file_would_name_it(self, tmp_path):
        tensors = official()
        del tensors["mask_decoder.iou_token.weight"]
        with pytest.raises(CheckpointError, match=r"missing: mask_decoder\.iou_token\.weight\. It is probably a part"):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_an_incomplete_hq_decoder(self, tmp_path):
        tensors = {k: v for k, v in official().items() if "hf_mlp" not in k}
        with pytest.raises(CheckpointError, match=r"missing: mask_decoder\.hf_mlp.*HQ decoder is incomplete"):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_a_surplus_tensor(self, tmp_path):
        tensors = {**official(), "image_encoder.blocks.0.attn.lora_q.weight": torch.zeros(2)}
        with pytest.raises(
            CheckpointError, match=r"surplus: image_encoder\S+lora_q\.weight\. It was tuned with adapters"
        ):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_a_surplus_tensor_in_a_file_of_ours(self, tmp_path):
        path = our_file(tmp_path)
        rewrite(path, lambda tensors: {**tensors, "hq.extra": torch.zeros(2)})
        with pytest.raises(CheckpointError, match=r"surplus: hq\.extra"):
            load_model(path)

    def test_a_misshapen_tensor(self, tmp_path):
        tensors = {**official(), "mask_decoder.hf_token.weight": torch.zeros(1, 31)}
        with pytest.raises(CheckpointError, match=r"misshapen: mask_decoder\.hf_token\.weight is \[1, 31\], expected"):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_another_image_size(self, tmp_path):
        tensors = {**official(), "image_encoder.pos_embed": torch.zeros(1, 4, 4, 32)}
        with pytest.raises(CheckpointError, match="another image size"):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_one_kind_of_point_missing(self, tmp_path):
        tensors = official()
        del tensors["prompt_encoder.point_embeddings.2.weight"]
        with pytest.raises(CheckpointError, match=r"misshapen: prompt_encoder\.point_embeddings\.0\.weight"):
            load_model(saved(tmp_path / "a.pth", tensors))

    def test_many_problems_are_counted_and_not_all_listed(self, tmp_path):
        tensors = {k: v for k, v in official().items() if "transformer" not in k}
        with pytest.raises(CheckpointError, match=r"… \(\d+ in all\)") as caught:
            load_model(saved(tmp_path / "a.pth", tensors))
        assert len(str(caught.value)) < 1000


class Exploit:
    """Unpickled without care, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class TestDamageAndMalice:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_in_a_pickle_does_not_run(self, tmp_path, zipped):
        path = tmp_path / "evil.pth"
        content = {**official(), "surprise": Exploit(tmp_path / "pwned")}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(CheckpointError, match=r"refused.*it asks for \w+\.mkdir"):
            load_model(path)
        path.write_bytes(pickle.dumps(Exploit(tmp_path / "pwned")))
        with pytest.raises(CheckpointError):
            load_model(path)
        assert not (tmp_path / "pwned").exists()

    def test_a_whole_pickled_model_is_refused_with_the_way_out(self, tmp_path):
        path = saved(tmp_path / "whole.pth", tiny_model())
        with pytest.raises(CheckpointError, match=r"torch\.save\(model\.state_dict\(\)"):
            load_model(path)

    @pytest.mark.parametrize("make", [official_file, our_file])
    @pytest.mark.parametrize("kept", [0, 1, 7, 9, 100, 0.3, 0.9, -1])
    def test_a_truncated_file(self, tmp_path, make, kept):
        path = make(tmp_path)
        data = path.read_bytes()
        path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
        with pytest.raises(CheckpointError, match=str(path)):
            load_model(path)

    @pytest.mark.parametrize(
        ("content", "meaning"),
        [
            (b"", "it is empty"),
            (b"<!DOCTYPE html><html>404</html>", "it is a web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
            (b"\xff\xd8\xff\xe0 a photo", "as neither torch nor safetensors files do"),
            (b"\x80\x02nonsense", "damaged"),
            (b"PK\x03\x04 cut off", "truncated"),
            (struct.pack("<Q", 10**15) + b"{}", "damaged or truncated"),
            (struct.pack("<Q", 2) + b"{}", "no SAM"),
            (pickle.dumps([1, 2]), "refused"),
        ],
    )
    def test_what_is_no_checkpoint(self, tmp_path, content, meaning):
        path = tmp_path / "model.pth"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=meaning):
            load_model(path)

    @pytest.mark.parametrize(
        ("content", "meaning"),
        [
            ([1, 2], "holds a list, and no state dict"),
            ({"epoch": 1, "loss": torch.zeros(1)}, "holds the entries epoch, loss, and no state dict"),
            ({}, "no state dict"),
            ({"model": {"a": 1}}, "holds the entries model, and no state dict"),
            (torch.zeros(3), "holds a Tensor"),
        ],
    )
    def test_what_torch_saved_but_is_no_state_dict(self, tmp_path, content, meaning):
        with pytest.raises(CheckpointError, match=meaning):
            load_model(saved(tmp_path / "a.pth", content))

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(data=st.data(), zipped=st.sampled_from([True, False, None]))
    def test_a_changed_byte_gives_a_model_or_a_clear_error(self, tmp_path, data, zipped):
        path = tmp_path / "changed"
        if zipped is None:
            save_model(tiny_model("plain_vit"), path)
        else:
            torch.save(official("plain_vit"), path, _use_new_zipfile_serialization=zipped)
        content = bytearray(path.read_bytes())
        # Names, shapes and configs are at the beginning, the directory of a zip file at the end.
        near = st.integers(0, min(len(content), 4000) - 1)
        place = data.draw(near | near.map(lambda offset: len(content) - 1 - offset))
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            load_model(path)
        except CheckpointError as error:
            assert str(path) in str(error)

    def test_a_zip_whose_index_claims_another_disk(self, tmp_path):
        path = saved(tmp_path / "a.pth", official("plain_vit"))
        content = bytearray(path.read_bytes())
        content[content.rindex(b"PK\x06\x07") + 16] ^= 2  # how many disks there are, in the zip64 locator
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            load_model(path)

    @pytest.mark.parametrize("config", ["", "{}", "[]", '{"family": "vit"}', '{"family": "none", "encoder": {}}'])
    def test_a_file_of_ours_with_a_broken_config(self, tmp_path, config):
        path = our_file(tmp_path)
        rewrite(path, lambda tensors: tensors, config=config)
        with pytest.raises(CheckpointError, match="no readable config"):
            load_model(path)

    @pytest.mark.parametrize(
        "config", ["{", "[]", '{"model_type": "bert"}', '{"model_type": "sam", "vision_config": 3}']
    )
    def test_a_folder_with_a_broken_config(self, tmp_path, config):
        folder = convert(our_file(tmp_path), tmp_path / "folder")
        (folder / "config.json").write_text(config)
        with pytest.raises(CheckpointError, match=r"config\.json"):
            load_model(folder)


class TestWhatIsNotThere:
    def test_a_missing_file(self, tmp_path):
        for source in (tmp_path / "a", tmp_path / "a.pth", str(tmp_path / "a.safetensors"), "a.pth"):
            with pytest.raises(CheckpointError, match="there is no file"):
                load_model(source)

    def test_an_unknown_name(self):
        with pytest.raises(OptionError, match="did you mean 'vit_tiny'"):
            load_model("vit_tin")
        with pytest.raises(OptionError, match="no model named 'vit_x'"):
            load_model("vit_tiny", model="vit_x")

    def test_a_folder_without_a_checkpoint_or_with_several(self, tmp_path):
        with pytest.raises(CheckpointError, match="holds no checkpoint"):
            load_model(tmp_path)
        official_file(tmp_path, "vit")
        official_file(tmp_path, "tiny_vit")
        with pytest.raises(CheckpointError, match=r"several checkpoints.*official_tiny_vit\.pth, official_vit\.pth"):
            load_model(tmp_path)

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read(self, tmp_path):
        path = official_file(tmp_path)
        path.chmod(0)
        with pytest.raises(CheckpointError, match="Permission denied"):
            load_model(path)


def rewrite(path: Path, change, **header: str) -> None:
    """Save a safetensors file again with other tensors or another header."""
    from safetensors import safe_open

    with safe_open(path, "pt") as opened:
        tensors = {key: opened.get_tensor(key).clone() for key in opened.keys()}  # noqa: SIM118
        metadata = {**opened.metadata(), **header}
    save_file(change(tensors), path, metadata=metadata)


def split_in_two(folder: Path) -> None:
    """Make the two shards and the index that transformers makes of a large model."""
    import json

    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    files = {key: f"model-0000{1 + index % 2}-of-00002.safetensors" for index, key in enumerate(names)}
    for file in set(files.values()):
        save_file({key: tensors[key].clone() for key in names if files[key] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    (folder / "model.safetensors").unlink()
