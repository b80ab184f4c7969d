"""What determines one model of the zoo: its data, architecture, objective and schedule."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ssl_attn.demo.facades.facade import GENERATOR_VERSION
from ssl_attn.demo.facades.splits import GENERATOR_SEED, TRAINING
from ssl_attn.demo.zoo.protocol import PROTOCOL, Reading

Data = Literal["clean", "marked", "half_marked"]

_MARKS: dict[Data, tuple[bool, ...]] = {"clean": (False,), "marked": (True,), "half_marked": (False, True)}

CENTRE = 0.5
"""Mean and standard deviation of every channel on the 0..1 scale, as all models of the zoo take them off."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One model of the zoo.

    `name` is the folder of its weights, `purpose` what it learns, in words for its card, and `seed` the one it is
    trained with unless another is asked for. `config` are arguments of the transformers configuration of its
    `model_type`, and `options` of the objective. `input_size` is the side of the square input in pixels, `steps` count
    batches of `batch` pictures. Learning rates rise for `warmup` steps and fall to zero on a cosine; with a
    `matrix_rate`, the matrices of transformer layers are trained by Muon at that rate, all other weights by AdamW at
    `learning_rate`. `data` says whether the pictures of `training` bear the stamp that gives the style away; in
    `half_marked` each has it in half of the steps that show it. With `autocast`, matrix products are computed in
    bfloat16. With `captions`, training is told what there is to say about each picture.
    """

    name: str
    purpose: str
    objective: str
    model_type: str
    config: dict[str, Any]
    input_size: int
    steps: int
    batch: int
    learning_rate: float
    matrix_rate: float = 0.0
    weight_decay: float = 0.05
    warmup: int = 200
    data: Data = "clean"
    captions: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    autocast: bool = True
    training: range = TRAINING

    @property
    def model_name(self) -> str:
        """What the product calls it: the model, with a trained variant behind a colon."""
        return self.name.replace("/", ":")

    @property
    def in_zoo(self) -> bool:
        """Whether it is a model of its own, and not one of several variants."""
        return "/" not in self.name

    @property
    def marks(self) -> tuple[bool, ...]:
        """Whether its pictures bear the stamp; where both, each picture of a step does or not."""
        return _MARKS[self.data]

    @property
    def reading(self) -> Reading:
        """Where the protocol looks at it."""
        return PROTOCOL.reading[self.name.partition("/")[0]]

    def preprocessor(self) -> dict[str, Any]:
        """The content of `preprocessor_config.json`: squash to the input, values to -1..1."""
        return {
            "image_processor_type": "ViTImageProcessor",
            "do_resize": True,
            "size": {"height": self.input_size, "width": self.input_size},
            "resample": 2,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [CENTRE] * 3,
            "image_std": [CENTRE] * 3,
        }

    def fingerprint(self, seed: int) -> str:
        """What determines a run, as JSON; a checkpoint of another one is not taken up."""
        values = asdict(self) | {"training": [self.training.start, self.training.stop], "seed": seed}
        del values["purpose"]
        values |= {"generator_version": GENERATOR_VERSION, "generator_seed": GENERATOR_SEED}
        return json.dumps(values, sort_keys=True)
