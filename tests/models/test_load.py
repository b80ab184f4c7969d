"""What is refused, and that nothing which a checkpoint brings is run."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ssl_attn.errors import SslAttnError, UsageError
from ssl_attn.models.load import load_model, resolve_checkpoint
from ssl_attn.models.quirks import forward_arguments
from ssl_attn.models.spec import ModelSpec
from ssl_attn.models.tiny import write_tiny_checkpoint

SHARED = Path(__file__).parents[3] / "shared" / "weights"


@pytest.fixture
def vit(tmp_path):
    return write_tiny_checkpoint("vit", tmp_path / "vit")


def load(folder: Path, name: str = "mine"):
    return load_model(ModelSpec(name, path=folder))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder: Path, change) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def test_pickled_weights_are_refused_unread(vit, tmp_path):
    (vit / "model.safetensors").unlink()
    with (vit / "pytorch_model.bin").open("wb") as stream:
        pickle.dump(Bomb(tmp_path / "exploded"), stream)

    with pytest.raises(SslAttnError, match=r"only pickled weights \(pytorch_model\.bin\).*convert it"):
        load(vit)
    assert not (tmp_path / "exploded").exists()


def test_pickles_beside_safetensors_are_ignored(vit, tmp_path):
    for name in ("pytorch_model.bin", "adapter_model.bin"):
        with (vit / name).open("wb") as stream:
            pickle.dump(Bomb(tmp_path / "exploded"), stream)
    (vit / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(vit)}))

    assert load(vit).family.name == "vit"
    assert not (tmp_path / "exploded").exists()


def test_code_that_a_checkpoint_brings_is_not_run(vit, tmp_path):
    trace = tmp_path / "ran"
    (vit / "modeling_custom.py").write_text(f"import pathlib; pathlib.Path({str(trace)!r}).touch()\n")
    edit_config(vit, auto_map={"AutoConfig": "modeling_custom.Config", "AutoModel": "modeling_custom.Model"})

    assert type(load(vit).module).__module__.startswith("transformers.")
    assert not trace.exists()


def test_an_unsupported_architecture_lists_the_supported_ones(vit):
    edit_config(vit, model_type="swin")
    with pytest.raises(UsageError, match=r"dinov2.*vit_mae, got 'swin'"):
        load(vit)


def test_missing_weights_are_named(vit):
    edit_weights(vit, lambda tensors: {key: value for key, value in tensors.items() if "classifier" not in key})
    with pytest.raises(SslAttnError, match=r"nothing for classifier\.bias, classifier\.weight"):
        load(vit)


def test_weights_of_another_shape_are_named(vit):
    edit_weights(vit, lambda tensors: tensors | {"vit.layernorm.weight": torch.ones(7)})
    with pytest.raises(SslAttnError, match=r"other shapes: vit\.layernorm\.weight \[7\] for \[32\]"):
        load(vit)


def test_weights_of_another_architecture_are_refused(vit, tmp_path):
    resnet = write_tiny_checkpoint("resnet", tmp_path / "resnet")
    (vit / "model.safetensors").write_bytes((resnet / "model.safetensors").read_bytes())
    with pytest.raises(SslAttnError, match=r"and .* more"):
        load(vit)


def test_a_pooler_may_be_missing(tmp_path):
    folder = write_tiny_checkpoint("dino", tmp_path / "dino")
    edit_weights(folder, lambda tensors: {key: value for key, value in tensors.items() if "pooler" not in key})
    assert type(load(folder, "dino").module).__name__ == "ViTModel"


def test_a_mask_token_may_be_missing(tmp_path):
    folder = write_tiny_checkpoint("dinov2", tmp_path / "dinov2")
    edit_weights(folder, lambda tensors: {key: value for key, value in tensors.items() if "mask_token" not in key})
    assert load(folder).family.name == "dinov2"


def test_a_supervised_vit_without_its_classifier_loads_as_backbone(vit):
    edit_config(vit, architectures=["ViTForMaskedImageModeling"])
    assert type(load(vit).module).__name__ == "ViTModel"


def test_a_vision_tower_alone_loads_as_the_whole_model_does(tmp_path):
    whole = write_tiny_checkpoint("siglip", tmp_path / "whole")
    tower = load(whole)
    tower.module.save_pretrained(tmp_path / "tower")
    (tmp_path / "tower" / "preprocessor_config.json").write_bytes((whole / "preprocessor_config.json").read_bytes())
    alone = load(tmp_path / "tower")
    pixels = torch.randn(1, 3, 48, 48)

    assert alone.config.model_type == "siglip_vision_model"
    outputs = [model.module(**forward_arguments(model, pixels)).pooler_output for model in (tower, alone)]
    torch.testing.assert_close(*outputs)


def test_truncated_weights_are_reported(vit):
    path = vit / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SslAttnError, match="expected readable weights"):
        load(vit)


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_an_unreadable_configuration_is_reported(vit, content):
    path = vit / "config.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(SslAttnError, match=r"config\.json|JSON object"):
        load(vit)


def test_a_nonsensical_configuration_is_reported(vit):
    edit_config(vit, hidden_size="wide")
    with pytest.raises(SslAttnError, match=r"expected a config\.json that describes a ViTForImageClassification"):
        load(vit)


def test_a_missing_preprocessing_is_reported(vit):
    (vit / "preprocessor_config.json").unlink()
    with pytest.raises(SslAttnError, match=r"preprocessor_config\.json"):
        load(vit)


def shard(folder: Path) -> list[str]:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(tensors)
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    halves = [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
    for name, half in zip(names, halves, strict=True):
        save_file({key: tensors[key] for key in half}, folder / name)
    where = {key: name for name, half in zip(names, halves, strict=True) for key in half}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return names


def test_shards_make_the_same_model(vit):
    whole = load(vit).module.state_dict()
    shard(vit)
    for name, tensor in load(vit).module.state_dict().items():
        assert torch.equal(tensor, whole[name])


def test_a_missing_shard_is_named(vit):
    missing = shard(vit)[1]
    (vit / missing).unlink()
    with pytest.raises(SslAttnError, match=missing):
        load(vit)


def test_an_index_may_not_point_out_of_the_folder(vit, tmp_path):
    (vit / "model.safetensors").rename(tmp_path / "outside.safetensors")
    (vit / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../outside.safetensors"}}))
    with pytest.raises(SslAttnError, match=r"\.\./outside\.safetensors"):
        load(vit)


def test_the_hash_is_of_the_weights(vit, tmp_path):
    spec = ModelSpec("mine", path=vit)
    first = resolve_checkpoint(spec).weights_sha256
    assert first == hashlib.sha256((vit / "model.safetensors").read_bytes()).hexdigest()

    twin = write_tiny_checkpoint("vit", tmp_path / "elsewhere")
    assert resolve_checkpoint(ModelSpec("mine", path=twin)).weights_sha256 == first
    other = write_tiny_checkpoint("vit", tmp_path / "other", seed=1)
    assert resolve_checkpoint(ModelSpec("mine", path=other)).weights_sha256 != first

    shard(vit)
    sharded = resolve_checkpoint(spec).weights_sha256
    assert sharded != first
    edit = vit / "model-00002-of-00002.safetensors"
    save_file({key: value + 1 for key, value in load_file(edit).items()}, edit)
    assert resolve_checkpoint(spec).weights_sha256 != sharded


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no checkpoints in {SHARED}")
@pytest.mark.parametrize(
    ("folder", "family", "layers", "heads", "registers", "grid"),
    [
        ("dinov2-small-saliency", "dinov2", 12, 6, 0, 16),
        ("dinov2-with-registers-small-mri", "dinov2_with_registers", 12, 6, 4, 16),
        ("resnet-50", "resnet", 4, 0, 0, 7),
    ],
)
def test_real_checkpoints(folder, family, layers, heads, registers, grid):
    model = load(SHARED / folder)

    assert (model.family.name, model.layers, model.heads, model.registers) == (family, layers, heads, registers)
    assert model.input_size == 224
    layout = model.layout_for(224, 224)
    assert (layout.grid_h, layout.grid_w) == (grid, grid)
    with torch.no_grad():
        output = model.module(**forward_arguments(model, torch.zeros(1, 3, 224, 224)), output_hidden_states=True)
    last = output.hidden_states[-1]
    assert (last.shape[1] if heads else last.shape[2] * last.shape[3]) == layout.tokens
    assert torch.isfinite(last).all()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no checkpoints in {SHARED}")
def test_a_real_checkpoint_in_another_format_is_refused():
    with pytest.raises(SslAttnError, match=r"expected model\.safetensors"):
        load(SHARED / "clip-vit-base-patch16-int8")
