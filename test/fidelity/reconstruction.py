# SPDX-License-Identifier: MIT
"""The weights of fused attention as TorchLens rebuilds them: in a run with the fused op left on,
from what scaled_dot_product_attention took, and only where `weights @ values` is what it gave.
"""

import torch
import torchlens
from torchlens.options import CaptureOptions
from torchlens.semantic.reconstruction import sdpa_reconstruction_spec


def pattern(module):
    """A recipe, for TorchLens has its own for some classes of transformers only."""
    return {"pattern": sdpa_reconstruction_spec(module, "pattern", recipe_id="fidelity")}


def reconstructed(case):
    """One map for every call of the op, in order; torch.nn's layers run it, too, without their fast
    path."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        trace = torchlens.trace(case.module, case.inputs, reconstruction_ready=True,
                                recipes=[pattern],
                                capture=CaptureOptions(unwrap_when_done=True))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    # Of a module that calls the op twice TorchLens knows the first call; its second is a miss.
    modules = dict.fromkeys(op.module for op in trace.ops
                            if op.func_name == "scaled_dot_product_attention")
    maps = [trace.modules[one.rsplit(":", 1)[0]].facets["pattern"].value for one in modules]
    for one in maps:
        assert isinstance(one, torch.Tensor), one.reason
    return maps
