// SPDX-License-Identifier: MIT
// Two files side by side, for `diff`.
#pragma once

#include <string>
#include <vector>

#include "core/capture_file.h"
#include "core/tensor_difference.h"

namespace anycapture {
namespace cli {

struct Pair {
  std::string name;                            ///< as both files are brought to it
  const safetensors::TensorInfo* a = nullptr;  ///< nullptr where the file has none
  const safetensors::TensorInfo* b = nullptr;
};

enum class Outcome : char {
  kSame,   ///< value for value
  kClose,  ///< within the tolerance
  kDiffers,
  kShape,
  kDtype,  ///< only one is complex
  kOnlyA,
  kOnlyB,
};

struct Compared {
  Pair pair;
  Outcome outcome = Outcome::kSame;
  TensorDifference difference;  ///< where the values were compared
};

inline bool agrees(Outcome outcome) {
  return outcome == Outcome::kSame || outcome == Outcome::kClose;
}
/// `same`, `close`, `DIFFERS`, `SHAPE`, `DTYPE`, `only in A`, `only in B`.
const char* name(Outcome outcome);

std::string diff_table(const std::vector<Compared>& all, const CaptureFile& a,
                       const CaptureFile& b);
std::string diff_json(const std::vector<Compared>& all);

}  // namespace cli
}  // namespace anycapture
