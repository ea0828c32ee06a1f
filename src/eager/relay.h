// SPDX-License-Identifier: MIT
// Hooks on the children of a torch::nn::Sequential, of any type, whose source nobody touches.
#pragma once

namespace torch {
namespace nn {
class SequentialImpl;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// Gives each child of the Sequential a relay, if it has none yet, and tells it where in the row it
/// stands. A relay stays until the Sequential dies and is inert while nobody listens: one relaxed
/// load. at<T>(), ptr<T>(), operator[], clone() and save find everything as it was. Must not
/// overlap a forward of the same Sequential on another thread.
void install_relays(torch::nn::SequentialImpl& sequential);

}  // namespace eager
}  // namespace anycapture
