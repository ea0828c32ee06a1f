// SPDX-License-Identifier: MIT
// Which built-in modules write into their input.
#pragma once

#include <cstddef>
#include <vector>

namespace torch {
namespace nn {
class Module;
class SequentialImpl;
}  // namespace nn
}  // namespace torch

namespace anycapture {
namespace eager {

/// An activation or a dropout with inplace(true), or a Sequential that begins with one.
bool writes_into_input(const torch::nn::Module& module);

/// Whether a child's output is written into by a child behind it, also through modules that hand
/// their input on as it is.
bool output_is_overwritten(const torch::nn::SequentialImpl& sequential, std::size_t child);

/// The last child, and those before it whose output the last ones hand on: their outputs are, or
/// share memory with, the Sequential's.
std::vector<const torch::nn::Module*> givers_of_output(const torch::nn::SequentialImpl& sequential);

}  // namespace eager
}  // namespace anycapture
