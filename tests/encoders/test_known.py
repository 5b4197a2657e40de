"""The list of known models."""

import pytest

from zorse.encoders import KNOWN_MODELS


def clip(width, layers, patch, text_width=512, edge=224):
    from transformers import CLIPConfig, CLIPModel

    text = {"hidden_size": text_width, "intermediate_size": 4 * text_width, "num_attention_heads": text_width // 64}
    vision = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": width // 64}
    vision |= {"num_hidden_layers": layers, "patch_size": patch, "image_size": edge}
    return CLIPModel, CLIPConfig(text_config=text, vision_config=vision, projection_dim=text_width)


def siglip(width, layers, heads, inner, patch, edge, words):
    from transformers import SiglipConfig, SiglipModel

    both = {"hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads}
    text = {**both, "vocab_size": words, "projection_size": width, "bos_token_id": 0, "eos_token_id": 1}
    vision = {**both, "patch_size": patch, "image_size": edge}
    return SiglipModel, SiglipConfig(text_config=text, vision_config=vision)


SHAPES = {
    "openai/clip-vit-base-patch32": lambda: clip(768, 12, 32),
    "facebook/metaclip-b32-400m": lambda: clip(768, 12, 32),
    "openai/clip-vit-base-patch16": lambda: clip(768, 12, 16),
    "openai/clip-vit-large-patch14": lambda: clip(1024, 24, 14, text_width=768),
    "google/siglip-base-patch16-224": lambda: siglip(768, 12, 12, 3072, 16, 224, 32_000),
    "google/siglip2-base-patch16-224": lambda: siglip(768, 12, 12, 3072, 16, 224, 256_000),
    "google/siglip2-so400m-patch14-384": lambda: siglip(1152, 27, 16, 4304, 14, 384, 256_000),
}


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_of_the_architecture(name):
    import torch

    model, config = SHAPES[name]()
    with torch.device("meta"):  # shapes without memory
        counted = sum(weight.numel() for weight in model._from_config(config).parameters())
    assert counted == next(known.parameters for known in KNOWN_MODELS if known.name == name)


def test_listing_costs_no_torch():
    import subprocess
    import sys

    code = "import sys; from zorse.encoders import KNOWN_MODELS; print(len(KNOWN_MODELS), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(KNOWN_MODELS)), "False"]


def test_names_differ_and_are_loadable_forms():
    names = [known.name for known in KNOWN_MODELS]
    assert len(set(names)) == len(names)
    assert names[0] == "mini"
    assert all("/" in name for name in names[1:])
