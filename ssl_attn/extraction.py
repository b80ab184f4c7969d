"""One forward pass of a batch gives everything that was asked for: maps of every method, and features."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import torch

from ssl_attn.errors import SslAttnError
from ssl_attn.methods.attention import cls_maps, received_maps, value_norm_maps
from ssl_attn.methods.gradcam import explained_scalars, gradcam_maps
from ssl_attn.methods.map_pool import map_pool_maps, pooling_attention
from ssl_attn.methods.rollout import rollout_maps
from ssl_attn.models.quirks import final_norm, forward_arguments
from ssl_attn.probe import Reductions, attention_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from ssl_attn.methods import MethodRequest
    from ssl_attn.methods.maps import LayerMaps
    from ssl_attn.models.layout import TokenLayout
    from ssl_attn.models.load import LoadedModel
    from ssl_attn.probe import AttentionRecord


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one forward pass gave for B images.

    `patch_features` (B, patches, D) are the last layer's patches and `image_features` (B, D) the image embedding, both
    after the model's final norm and before any projection or classifier; None when they were not asked for.
    """

    maps: dict[MethodRequest, list[LayerMaps]]
    layout: TokenLayout
    patch_features: Tensor | None
    image_features: Tensor | None


_ATTENTION_METHODS: dict[str, tuple[Reductions, Callable[[AttentionRecord], list[LayerMaps]]]] = {
    "cls": (Reductions(row=True), cls_maps),
    "received": (Reductions(received=True), received_maps),
    "rollout": (Reductions(head_mean=True), rollout_maps),
    "value_norm": (Reductions(value_norm=True), value_norm_maps),
}


def extract_batch(
    loaded: LoadedModel, pixels: Tensor, requests: Sequence[MethodRequest], *, features: bool = True
) -> BatchResult:
    """Run `loaded` once on `pixels` (B, 3, H, W) and compute every requested method's maps.

    Raises:
        SslAttnError: a method needs what this model does not have.
    """
    unfit = [request.method for request in requests if request.method not in loaded.family.methods]
    if unfit:
        fit = ", ".join(loaded.family.methods)
        message = f"expected methods that {loaded.name} has ({fit}), got {', '.join(unfit)}"
        raise SslAttnError(message)
    layout = loaded.layout_for(pixels.shape[-1], pixels.shape[-2])
    if layout.patch_start == 0 and loaded.heads == 0:
        return _extract_convolutional(loaded, layout, pixels, requests, features=features)
    return _extract_transformer(loaded, layout, pixels, requests, features=features)


def _extract_transformer(
    loaded: LoadedModel, layout: TokenLayout, pixels: Tensor, requests: Sequence[MethodRequest], *, features: bool
) -> BatchResult:
    reductions = [_ATTENTION_METHODS[r.method][0] for r in requests if r.method in _ATTENTION_METHODS]
    pooled = [r for r in requests if r.method == "map_pool"]
    with torch.no_grad(), ExitStack() as stack:
        weights = (
            stack.enter_context(pooling_attention(loaded.module.get_submodule("head.attention"))) if pooled else []
        )
        record = None
        if reductions:
            wanted = reduce(or_, reductions)
            record = stack.enter_context(attention_probe(loaded.module, layout, wanted, layers=loaded.layers))
        output = loaded.module(**forward_arguments(loaded, pixels), output_hidden_states=features)

    maps: dict[MethodRequest, list[LayerMaps]] = {}
    for request in requests:
        if request.method == "map_pool":
            maps[request] = map_pool_maps(weights[0], layout)
        elif record is not None:
            maps[request] = _ATTENTION_METHODS[request.method][1](record)
    if not features:
        return BatchResult(maps, layout, None, None)
    with torch.no_grad():
        tokens = output.hidden_states[-1]
        norm = final_norm(loaded.module)
        tokens = tokens if norm is None else norm(tokens)
    return BatchResult(maps, layout, tokens[:, layout.patch_slice], _embedding(tokens, output, layout))


def _embedding(tokens: Tensor, output: object, layout: TokenLayout) -> Tensor:
    match layout.readout:
        case "cls":
            return tokens[:, 0]
        case "cls+dist":
            return tokens[:, : layout.cls + layout.distillation].mean(dim=1)
        case "map_probe":
            pooled: Tensor = output.pooler_output  # type: ignore[attr-defined]
            return pooled
        case "gap":
            return tokens[:, layout.patch_slice].mean(dim=1)


def _extract_convolutional(
    loaded: LoadedModel, layout: TokenLayout, pixels: Tensor, requests: Sequence[MethodRequest], *, features: bool
) -> BatchResult:
    maps: dict[MethodRequest, list[LayerMaps]] = {}
    # Parameters need no gradient; a graph from the stages to the logits exists because the pixels ask for one.
    with torch.set_grad_enabled(bool(requests)):
        output = loaded.module(pixels.detach().requires_grad_(bool(requests)), output_hidden_states=True)
        stages = output.hidden_states[1:]
        for request in requests:
            labels = {int(index): str(label) for index, label in loaded.config.id2label.items()}
            scalars, targets = explained_scalars(output.logits, request["target"], labels)
            maps[request] = gradcam_maps(stages, scalars, targets)
    last = stages[-1].detach()
    if not features:
        return BatchResult(maps, layout, None, None)
    return BatchResult(maps, layout, last.flatten(2).transpose(1, 2), last.mean(dim=(2, 3)))
