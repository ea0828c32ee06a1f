// SPDX-License-Identifier: MIT
// The session that the environment asks for: ANYCAPTURE="Attention:attn"
// ANYCAPTURE_OUT=maps.safetensors.
#pragma once

#include <anycapture/api.h>

#include <torch/nn/module.h>

#include <atomic>

namespace anycapture {
namespace eager {

/// True while the variable ANYCAPTURE is set and nothing has fired yet.
extern std::atomic<bool> environment_pending;

/// Opens the session on this thread, the first on which something fires. A malformed selector is
/// said on stderr, and the program goes on.
void open_environment_session();

/// Called with a module that the program handles as a whole: the roots of paths are chosen among
/// these. Does nothing where the environment asks for no session.
ANYCAPTURE_API void note_whole(torch::nn::Module& module);

/// Called by everything that fires.
inline void join_environment() {
  if (environment_pending.load(std::memory_order_relaxed)) open_environment_session();
}

}  // namespace eager
}  // namespace anycapture
