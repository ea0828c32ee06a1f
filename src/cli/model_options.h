// SPDX-License-Identifier: MIT
// The arguments of the commands that load a model. Known without LibTorch, for help and completion.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"

namespace anycapture {
namespace cli {

struct ModelOptions {
  std::string model;
  std::string op_library;  ///< a shared library that registers operators
  std::string device = "cpu";
};

struct ModulesOptions : ModelOptions {
  std::string selector;
  bool sites = false;
  bool json = false;
};

/// What timm's evaluation transform does to a picture.
struct PictureOptions {
  int resize = 224;
  double crop = 0.875;
  std::vector<double> mean{0.485, 0.456, 0.406};
  std::vector<double> std{0.229, 0.224, 0.225};
};

struct RunOptions : ModelOptions {
  std::vector<std::string> inputs;  ///< as they were given: `image.png`, `mask=none`, `1=16000`
  std::vector<std::string> shapes;  ///< of random inputs
  std::int64_t seed = 0;
  std::vector<std::string> selectors;
  std::string out;
  std::string method = "forward";
  std::string batch_dir;
  int threads = 0;
  bool train = false;
  bool grad = false;
  PictureOptions picture;
};

Arguments add_modules_command(CommandLine& program, ModulesOptions& options);
Arguments add_run_command(CommandLine& program, RunOptions& options);

}  // namespace cli
}  // namespace anycapture
