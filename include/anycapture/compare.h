// SPDX-License-Identifier: MIT
// Comparing captures with a reference, in the order of execution: the first difference is where a
// port went wrong.
#pragma once

#include <anycapture/api.h>
#include <anycapture/captures.h>

#include <cstddef>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace anycapture {

struct CompareOptions {
  double rtol = 1e-5;  ///< |a - b| <= atol + rtol * |b|, as torch.allclose; NaN equals NaN
  double atol = 1e-8;
  /// Keys of the captures -> keys of the reference, where they differ.
  std::map<std::string, std::string> map;
};

/// A call of one key that is not as in the reference.
struct Difference {
  std::string key;
  std::size_t call = 0;
  std::string what;  ///< "missing in the reference", the shapes, or the figures
  double max_abs = 0;
  double max_rel = 0;
  std::vector<std::int64_t> index;  ///< first differing element, row-major
};

struct ANYCAPTURE_API Comparison {
  std::size_t compared = 0;             ///< keys that both have
  std::vector<Difference> differences;  ///< in the captures' order of execution; missing keys last
  explicit operator bool() const { return differences.empty() && compared > 0; }
  std::string text() const;  ///< the first difference, then the others in a line each
};

/// GoogleTest prints a Comparison with this.
ANYCAPTURE_API std::ostream& operator<<(std::ostream& out, const Comparison& comparison);

/// Compares every key of `captures` with the reference. Both are brought to the CPU and to float64
/// (complex128 for complex). Keys that only the reference has are not compared: capture what is to
/// be compared. A key that `map` names and that was not captured is a difference. Throws
/// `FileError`, `StaleCaptureError`, and `Error` for a tolerance that is negative or NaN.
ANYCAPTURE_API Comparison compare(const CaptureReader& captures, const CaptureReader& reference,
                                  const CompareOptions& options = {});
ANYCAPTURE_API Comparison compare(const CaptureReader& captures, const std::string& reference_file,
                                  const CompareOptions& options = {});

}  // namespace anycapture
