// SPDX-License-Identifier: MIT
// A world whose model came from a file: it is called through the world.
#pragma once

#include <anycapture/program.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/world.h"

namespace anycapture {
namespace capture {

class ProgramWorld : public World {
 public:
  const char* why_silent() const override {
    return "it was not called, or the branch that assigns what was asked for was not taken";
  }

  virtual std::vector<std::string> methods() const = 0;
  /// What follows takes a name that is among methods().
  virtual c10::IValue call(const std::string& method, const Program::Inputs& inputs,
                           const Program::Keywords& keywords) = 0;
  virtual std::string schema(const std::string& method) const = 0;
  virtual std::vector<std::string> arguments(const std::string& method) const = 0;

  /// Throws Error when there is no module of this path.
  virtual std::vector<ProgramSite> sites(const std::string& path) const = 0;
  /// Each once, by its first path.
  virtual std::vector<std::pair<std::string, at::Tensor>> named_parameters() const = 0;

  /// With the same weights, and buffers and other state of its own; null where that cannot be.
  virtual std::shared_ptr<ProgramWorld> copy_of_state() const = 0;
  /// In training mode. Throws Error where its file fixed the mode.
  virtual std::shared_ptr<ProgramWorld> in_training() const = 0;
  /// Of a TorchScript archive; null otherwise.
  virtual const torch::jit::Module* module() const { return nullptr; }
};

}  // namespace capture
}  // namespace anycapture
