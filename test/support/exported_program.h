// SPDX-License-Identifier: MIT
// The archives of test/data/exported and what goes into them.
#pragma once

#include <anycapture/anycapture.h>
#include <anycapture/program.h>
#include <anycapture/torch_version.h>

#include <string>
#include <vector>

#include "support/exported_archive.h"

namespace support {

// Whether this LibTorch has all operators that PyTorch 2.13 exported.
constexpr bool kNew = ANYCAPTURE_TORCH_AT_LEAST(2, 13);

inline anycapture::Program load_exported(const std::string& name) {
  return anycapture::Program::load(exported(name + ".pt2"));
}

inline anycapture::Program::Keywords inputs_of(const std::string& run,
                                               const anycapture::Program::Keywords& more = {}) {
  anycapture::Program::Keywords inputs = more;
  const anycapture::Captures file =
      anycapture::Captures::load(exported(run + ".input.safetensors"));
  for (const std::string& key : file.keys("*")) inputs[key] = file.at(key);
  return inputs;
}

inline const std::vector<std::string> kEverything{"*:*", "*:output", "*:input"};

inline anycapture::CaptureOptions quiet() {
  anycapture::CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  return options;
}

}  // namespace support
