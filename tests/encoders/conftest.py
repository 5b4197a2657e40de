"""Tiny checkpoints in the hub's own format: few layers, 16 to 32 numbers, tokenizers built here, no network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zorse.testing.tiny import tiny_pictures

WORDS = ["a", "photo", "of", "cat", "dog", "zebra", "striped", "horse", "red", "car", "on", "the", "road", "small"]
TEXTS = ["a photo of a cat", "zebra", "A Photo of a STRIPED horse, on the road.", "cat", "a small dog", "cat"]


def _clip_tokenizer(folder, pad=None):
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("c", "a"), ("ca", "t</w>"), ("o", "f</w>"), ("p", "h"), ("d", "o"), ("do", "g</w>")]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges)]
    # CLIP's end token has the highest id of all, which old configurations rely on.
    vocab = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=77, **({"pad_token": pad} if pad else {}))
    tokenizer.save_pretrained(folder)
    return tokenizer


def _bert_tokenizer(folder):
    from transformers import BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz.,"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters[1:], *(f"##{x}" for x in letters)]
    tokenizer = BertTokenizer(vocab={piece: i for i, piece in enumerate(pieces)}, model_max_length=512)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _gemma_tokenizer(folder):
    """As the SigLIP 2 checkpoints have it: Gemma's class, which does not lower the case."""
    from transformers import GemmaTokenizer

    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    pieces += [chr(x) for x in range(33, 127)]
    merges = [("c", "a"), ("ca", "t"), ("▁", "cat"), ("d", "o")]
    pieces += [a + b for a, b in merges]
    tokenizer = GemmaTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)},
        merges=merges,
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        model_input_names=["input_ids"],
        model_max_length=64,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _sentencepiece_tokenizer(folder):
    """As the SigLIP checkpoints have it."""
    sentencepiece = pytest.importorskip("sentencepiece")
    pytest.importorskip("google.protobuf")
    from transformers import SiglipTokenizer

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS), *TEXTS] * 5),
        model_prefix=str(folder / "spiece"),
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_input_names=["input_ids"])
    tokenizer.save_pretrained(folder)
    return tokenizer


def _transformer(**more):
    return {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, **more}


def _clip_processor(kind, edge):
    import transformers

    processor = getattr(transformers, f"{kind}ImageProcessorPil")
    return processor(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge})


def clip(folder, *, legacy=False, pad=None):
    from transformers import CLIPConfig, CLIPModel

    tokenizer = _clip_tokenizer(folder, pad)
    text = _transformer(
        vocab_size=len(tokenizer),
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=2 if legacy else tokenizer.eos_token_id,
    )
    vision = _transformer(image_size=32, patch_size=8)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    _clip_processor("CLIP", 32).save_pretrained(folder)
    return CLIPModel(config)


def clip_legacy(folder):
    """The first CLIP checkpoints: a wrong end token in the configuration, another token for padding."""
    return clip(folder, legacy=True, pad="!")


def siglip(folder, tokenizer=_sentencepiece_tokenizer):
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    tokenizer = tokenizer(folder)
    text = _transformer(vocab_size=len(tokenizer), max_position_embeddings=64, projection_size=32)
    config = SiglipConfig(text_config=text, vision_config=_transformer(image_size=32, patch_size=8))
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    model = SiglipModel(config)
    model.logit_scale.data.fill_(4.5)
    model.logit_bias.data.fill_(-12.0)
    return model


def siglip2(folder):
    return siglip(folder, _gemma_tokenizer)


def align(folder):
    from transformers import AlignConfig, AlignModel, EfficientNetImageProcessorPil

    tokenizer = _bert_tokenizer(folder)
    vision = {
        "image_size": 48,
        "kernel_sizes": [3, 3, 5],
        "in_channels": [32, 16, 24],
        "out_channels": [16, 24, 40],
        "strides": [1, 1, 2],
        "num_block_repeats": [1, 1, 2],
        "expand_ratios": [1, 6, 6],
        "hidden_dim": 80,
        "pooling_type": "mean",
    }
    text = _transformer(vocab_size=len(tokenizer), max_position_embeddings=128)
    # The numbers of the published checkpoint but for the size.
    EfficientNetImageProcessorPil(
        size={"height": 58, "width": 58},
        crop_size={"height": 48, "width": 48},
        do_center_crop=True,
        do_normalize=False,
        include_top=False,
        rescale_factor=1 / 127.5,
        rescale_offset=True,
        resample=2,
    ).save_pretrained(folder)
    config = AlignConfig(text_config=text, vision_config=vision, projection_dim=80, temperature_init_value=0.5)
    return AlignModel(config)


def chinese_clip(folder):
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    tokenizer = _bert_tokenizer(folder)
    text = _transformer(vocab_size=len(tokenizer), max_position_embeddings=512)
    config = ChineseCLIPConfig(
        text_config=text, vision_config=_transformer(image_size=32, patch_size=8), projection_dim=16
    )
    _clip_processor("ChineseCLIP", 32).save_pretrained(folder)
    return ChineseCLIPModel(config)


def altclip(folder):
    from transformers import AltCLIPConfig, AltCLIPModel

    tokenizer = _bert_tokenizer(folder)
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": None, "eos_token_id": None}
    text = _transformer(vocab_size=len(tokenizer), max_position_embeddings=130, project_dim=24, **ids)
    config = AltCLIPConfig(text_config=text, vision_config=_transformer(image_size=32, patch_size=8), projection_dim=16)
    config.text_config.project_dim = 24
    _clip_processor("CLIP", 32).save_pretrained(folder)
    return AltCLIPModel(config)


def metaclip_2(folder):
    from transformers import MetaClip2Config, MetaClip2Model

    tokenizer = _clip_tokenizer(folder, "!")
    text = _transformer(
        vocab_size=len(tokenizer),
        max_position_embeddings=77,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = _transformer(image_size=32, patch_size=8)
    _clip_processor("CLIP", 32).save_pretrained(folder)
    return MetaClip2Model(MetaClip2Config(text_config=text, vision_config=vision, projection_dim=16))


def vision_text(folder):
    from transformers import (
        BertConfig,
        BertModel,
        VisionTextDualEncoderConfig,
        VisionTextDualEncoderModel,
        ViTConfig,
        ViTImageProcessorPil,
        ViTModel,
    )

    tokenizer = _bert_tokenizer(folder)
    vision = ViTConfig(**_transformer(image_size=32, patch_size=8))
    text = BertConfig(**_transformer(vocab_size=len(tokenizer)))
    config = VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=16)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return VisionTextDualEncoderModel(config, ViTModel(config.vision_config), BertModel(config.text_config))


def vit(folder):
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return ViTModel(ViTConfig(**_transformer(image_size=32, patch_size=8)))


def vit_classifier(folder):
    """Saved with a head and without a pooler, as most ViT checkpoints are."""
    from transformers import ViTConfig, ViTForImageClassification

    vit(folder)
    return ViTForImageClassification(ViTConfig(**_transformer(image_size=32, patch_size=8)))


def dinov2(folder):
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    BitImageProcessorPil(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, image_mean=[0.485, 0.456, 0.406]
    ).save_pretrained(folder)
    return Dinov2Model(Dinov2Config(**_transformer(image_size=64, patch_size=8)))


def convnext(folder):
    from transformers import ConvNextConfig, ConvNextImageProcessorPil, ConvNextModel

    ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.875, do_center_crop=False).save_pretrained(folder)
    return ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]))


def resnet(folder):
    from transformers import ConvNextImageProcessorPil, ResNetConfig, ResNetModel

    ConvNextImageProcessorPil(size={"shortest_edge": 384}, do_center_crop=False).save_pretrained(folder)
    return ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"))


FAMILIES = {
    builder.__name__: builder
    for builder in (
        clip,
        clip_legacy,
        siglip,
        siglip2,
        align,
        chinese_clip,
        altclip,
        metaclip_2,
        vision_text,
        vit,
        vit_classifier,
        dinov2,
        convnext,
        resnet,
    )
}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """``checkpoint("clip")`` is the folder of a tiny checkpoint of that family, built once a session."""
    built: dict[str, Path] = {}

    def build(family):
        if family not in built:
            folder = tmp_path_factory.mktemp(family)
            torch.manual_seed(len(family))
            model = FAMILIES[family](folder).eval()
            with torch.no_grad():  # the usual starting weights are so small that all texts look alike
                for name, weight in model.named_parameters():
                    if weight.ndim > 1:
                        weight.mul_(4.0 if weight.ndim == 2 else 1.5)
                    elif name.endswith("bias"):
                        weight.add_(0.1 * torch.randn_like(weight))
            model.save_pretrained(folder)
            built[family] = folder
        return built[family]

    return build


@pytest.fixture(scope="session")
def pictures():
    """Photograph-like images of uneven sizes: wider, taller, smaller than the crop, and one pixel short of it."""
    rng = np.random.default_rng(0)
    made = []
    for width, height in ((97, 61), (60, 83), (150, 31), (20, 20), (33, 31)):
        y, x = np.mgrid[0:height, 0:width]
        waves = [np.sin(x / rng.uniform(2, 20) + y / rng.uniform(2, 20)) for _ in range(3)]
        noise = rng.normal(0, 20, (height, width, 3))
        made.append(Image.fromarray(np.clip(127 + 80 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)))
    return made


@pytest.fixture(scope="session")
def texts():
    return list(TEXTS)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Six pictures of each of three colours, in folders of their names."""
    folder = tmp_path_factory.mktemp("squares")
    for i, (image, name) in enumerate(zip(*tiny_pictures(18), strict=True)):
        (folder / str(name)).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / str(name) / f"{i}.png")
    return folder
