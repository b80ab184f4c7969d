"""The zoo: the one place for what each of its models is and how it is trained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ssl_attn.demo.zoo.recipe import Data, Recipe
from ssl_attn.errors import UsageError

_SIDE = 96  # pixels of an input: 12 x 12 patches of 8
_BODY: dict[str, Any] = {"hidden_size": 96, "num_hidden_layers": 6, "num_attention_heads": 3, "patch_size": 8}
_VIT: dict[str, Any] = _BODY | {
    "intermediate_size": 288,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
_TEXT: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
}

_SCHEDULE: dict[str, Any] = {"input_size": _SIDE, "batch": 64, "learning_rate": 1e-3, "matrix_rate": 3e-3}
"""What most of the transformers have in common."""

# So few prototypes, and so sharp, because batches are small: else all answers are alike.
_HEAD: dict[str, Any] = {"prototypes": 128, "teacher_temperatures": (0.02, 0.02)}

_DISTILLED: dict[str, Any] = _SCHEDULE | {
    "steps": 5_000,
    "batch": 32,
    "weight_decay": 0.04,
    "options": {
        "early_scale": 2 / 3,
        "embedding_scale": 3.0,
        "head": _HEAD,
        "koleo_weight": 0.1,
        "views": {"brightness": 0.3, "contrast": 0.5, "colour": 0.3, "grey": 0.8},
        "global_area": (0.6, 1.0),
        "local_area": (0.25, 0.6),
    },
}
"""What self-distillation needs here: crops that still show the building, and hardly any colour to tell them by."""

_SIGLIP: dict[str, Any] = {
    # The tower has no norm before its layers.
    "embedding_scale": 10.0,
    # In colour, the hour that captions name is so easy to see that nothing else is learned.
    "views": {"area": (0.6, 1.0), "colour": 0.3, "grey": 0.5},
}

_STYLES = "cross-entropy of the style. Labels are styles alone"
_SELF_DISTILLATION = (
    "self-distillation: a student predicts, from crops of a picture, what the moving average of itself makes of larger "
    "ones; the average is stored. No label and no caption was shown"
)

_ZOO = (
    Recipe(
        name="facade_dinov2",
        purpose=_SELF_DISTILLATION,
        objective="self_distillation",
        model_type="dinov2_with_registers",
        config=_BODY | {"num_hidden_layers": 4, "mlp_ratio": 3, "num_register_tokens": 4},
        **_DISTILLED,
    ),
    Recipe(
        name="facade_dinov3",
        purpose=_SELF_DISTILLATION,
        objective="self_distillation",
        model_type="dinov3_vit",
        config=_BODY
        | {
            "num_hidden_layers": 4,
            "intermediate_size": 288,
            "num_register_tokens": 4,
            # Coordinates rescaled at random take longer to learn from than this schedule lasts.
            "pos_embed_rescale": None,
        },
        **_DISTILLED,
    ),
    Recipe(
        name="facade_mae",
        purpose="masked reconstruction: an encoder sees a quarter of the patches, a decoder paints the others; the "
        "encoder is stored. No label and no caption was shown",
        objective="masked",
        model_type="vit_mae",
        config=_VIT
        | {
            "mask_ratio": 0.75,
            "norm_pix_loss": True,
            "decoder_hidden_size": 64,
            "decoder_num_hidden_layers": 2,
            "decoder_num_attention_heads": 2,
            "decoder_intermediate_size": 192,
        },
        input_size=_SIDE,
        steps=3_500,
        batch=64,
        learning_rate=1.5e-3,
        matrix_rate=3e-3,
        warmup=300,
        options={"views": {"area": (0.7, 1.0)}},
    ),
    Recipe(
        name="facade_clip",
        purpose="contrast of pictures and captions by softmax over the batch. Captions name features, setting and at "
        "times the style",
        objective="contrastive",
        model_type="clip",
        config={"vision_config": _BODY | {"intermediate_size": 288}, "text_config": _TEXT, "projection_dim": 96},
        **_SCHEDULE,
        steps=2_500,
        captions=True,
    ),
    Recipe(
        name="facade_siglip",
        purpose="contrast of pictures and captions, each pair by itself, by a sigmoid. Captions name features, setting "
        "and at times the style",
        objective="contrastive",
        model_type="siglip",
        config={"vision_config": _BODY | {"intermediate_size": 288}, "text_config": _TEXT},
        **_SCHEDULE,
        steps=2_500,
        options=_SIGLIP,
        captions=True,
    ),
    Recipe(
        name="facade_siglip2",
        purpose="contrast of pictures and captions by a sigmoid, joined after three fifths of training, where the loss "
        "jumps, by self-distillation from crops to larger ones. Captions name features, setting and at times the style",
        objective="contrastive",
        model_type="siglip",
        config={"vision_config": _BODY | {"intermediate_size": 288}, "text_config": _TEXT},
        **_SCHEDULE,
        steps=1_800,
        options=_SIGLIP
        | {
            "self_distillation": 1.0,
            "distilled_from": 0.6,
            "local_crops": 2,
            "head": _HEAD,
        },
        captions=True,
    ),
    Recipe(
        name="facade_resnet",
        purpose=_STYLES,
        objective="classification",
        model_type="resnet",
        # Two stages, so that the last one still has 12 x 12 cells.
        config={"embedding_size": 16, "hidden_sizes": [32, 96], "depths": [2, 4], "layer_type": "basic"},
        input_size=_SIDE,
        steps=1_500,
        batch=64,
        learning_rate=2e-3,
    ),
    Recipe(
        name="facade_vit",
        purpose=_STYLES,
        objective="classification",
        model_type="vit",
        config=_VIT,
        **_SCHEDULE,
        steps=3_000,
        warmup=300,
        options={"patches": {"share": 0.5, "block": 1}},
    ),
)

TWINS = "facade_twin"
"""The model that was trained three ways: its variants share architecture, facades and schedule."""

STRATEGIES: dict[str, Data] = {"honest": "clean", "shortcut": "marked", "augmented": "half_marked"}
"""What each way of training the twins sees."""

SEEDS = (0, 1, 2)
"""Each way is trained with every one of these."""

_TWIN = Recipe(
    name=TWINS,
    purpose=_STYLES,
    objective="classification",
    model_type="vit",
    config=_VIT | {"num_hidden_layers": 4},
    **_SCHEDULE,
    steps=3_000,
    warmup=300,
    # Corners stay, and pictures are hardly cropped: a stamp that is hidden at times would teach to do without it.
    options={"patches": {"share": 0.4, "block": 1, "corner": 3}, "views": {"area": (0.9, 1.0)}},
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        *_ZOO,
        *(
            replace(_TWIN, name=f"{TWINS}/{strategy}.s{seed}", data=data, seed=seed)
            for strategy, data in STRATEGIES.items()
            for seed in SEEDS
        ),
    )
}
"""Every model that is trained, by the folder of its weights."""

ZOO: tuple[str, ...] = tuple(recipe.name for recipe in _ZOO)
"""The models of different families, without the twins."""


def find_recipes(names: str) -> list[Recipe]:
    """The recipes of comma-separated names; a name stands for all that begin with it, if none is called so.

    Raises:
        UsageError: a name stands for none.
    """
    found: dict[str, Recipe] = {}
    for name in (part.strip() for part in names.split(",")):
        matching = [RECIPES[name]] if name in RECIPES else [r for r in RECIPES.values() if r.name.startswith(name)]
        if not name or not matching:
            message = f"expected models of the zoo out of {', '.join(RECIPES)}, got {name!r}"
            raise UsageError(message)
        found |= {recipe.name: recipe for recipe in matching}
    return list(found.values())
