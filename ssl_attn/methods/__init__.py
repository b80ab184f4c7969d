"""The registry of methods: what each computes, how heads are fused, what it needs of a model. Imports no torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from ssl_attn.errors import UsageError

Need = Literal["attention", "cls", "map_head", "stages"]

WHOLE_MODEL = -1
"""Layer of a map that belongs to no single layer."""

FUSED = -1
"""Head of a map that fuses all heads."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method: its default, its allowed values, and what it decides."""

    default: str
    choices: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `needs` is what a model must have; `fusion` says how head -1 is made."""

    name: str
    label: str
    description: str
    fusion: str
    needs: frozenset[Need]
    per_head: bool
    source: str
    signed: bool = False
    parameters: dict[str, Parameter] = field(default_factory=dict)


_METHODS = (
    Method(
        name="cls",
        label="CLS attention",
        description="Attention that the CLS token pays to each patch, per layer and head",
        fusion="mean over heads",
        needs=frozenset({"attention", "cls"}),
        per_head=True,
        source="Caron et al., Emerging properties in self-supervised vision transformers, ICCV 2021",
    ),
    Method(
        name="received",
        label="Mean received attention",
        description="Attention that each patch receives, averaged over all queries, per layer and head",
        fusion="mean over heads",
        needs=frozenset({"attention"}),
        per_head=True,
        source="Column mean of the attention matrix; the usual stand-in where there is no CLS token",
    ),
    Method(
        name="rollout",
        label="Attention rollout",
        description="Attention followed back through the layers, half of each layer passed on unchanged by the "
        "residual; at layer l the layers 0 to l, read at CLS (or averaged over patches where there is no CLS)",
        fusion="head mean before the product",
        needs=frozenset({"attention"}),
        per_head=False,
        source="Abnar and Zuidema, Quantifying attention flow in transformers, ACL 2020",
    ),
    Method(
        name="map_pool",
        label="Pooling-head attention",
        description="Attention of the learned probe that pools the last layer's patches into the image embedding",
        fusion="mean over heads",
        needs=frozenset({"map_head"}),
        per_head=True,
        source="Multi-head attention pooling of Zhai et al., Scaling vision transformers, CVPR 2022, as used in SigLIP",
    ),
    Method(
        name="value_norm",
        label="Attention x value norm",
        description="Length of the vector that each patch adds to the CLS token (or to the mean patch where there is "
        "no CLS): attention times value, through the output projection and LayerScale",
        fusion="vectors summed over heads before the norm",
        needs=frozenset({"attention"}),
        per_head=True,
        source="Kobayashi et al., Attention is not only a weight, EMNLP 2020",
    ),
    Method(
        name="gradcam",
        label="Grad-CAM",
        description="Positive part of a stage's channels weighted by the mean gradient of the target, per stage",
        fusion="no heads: channels are summed",
        needs=frozenset({"stages"}),
        per_head=False,
        source="Selvaraju et al., Grad-CAM, ICCV 2017",
        parameters={
            "target": Parameter(
                default="predicted",
                choices=("predicted", "sum_logits"),
                meaning="the predicted class's logit, or the sum of all logits (an untrained direction of a softmax "
                "head, kept for comparison with earlier work)",
            )
        },
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _METHODS}
"""Every method by name."""


@dataclass(frozen=True, slots=True)
class MethodRequest:
    """A method with its parameters filled in; two requests with one `params_id` compute the same."""

    method: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def params_id(self) -> str:
        """Readable where the method has parameters, the method's name where it has none."""
        return ",".join([self.method, *(f"{key}={value}" for key, value in self.parameters)])

    @property
    def parameters_json(self) -> str:
        """All parameters as JSON."""
        return json.dumps(dict(self.parameters), sort_keys=True)

    @property
    def key(self) -> str:
        """Hash of everything here that decides values."""
        return hashlib.sha256(f"{self.method}{self.parameters_json}".encode()).hexdigest()

    def __getitem__(self, parameter: str) -> str:
        """Value of one parameter."""
        return dict(self.parameters)[parameter]


def parse_request(text: str) -> MethodRequest:
    """Read `method` or `method:parameter=value:...`.

    Raises:
        UsageError: the method, a parameter or its value is unknown; the message lists the valid ones.
    """
    name, *settings = text.strip().split(":")
    method = METHODS.get(name)
    if method is None:
        message = f"expected a method out of {', '.join(METHODS)}, got {name!r}"
        raise UsageError(message)
    values = {key: parameter.default for key, parameter in method.parameters.items()}
    for setting in settings:
        key, _, value = setting.partition("=")
        if key not in method.parameters:
            known = ", ".join(method.parameters) or "none"
            message = f"expected a parameter of {name} (it has {known}), got {setting!r}"
            raise UsageError(message)
        if value not in method.parameters[key].choices:
            message = (
                f"expected {key} of {name} to be one of {', '.join(method.parameters[key].choices)}, got {value!r}"
            )
            raise UsageError(message)
        values[key] = value
    return MethodRequest(name, tuple(sorted(values.items())))
