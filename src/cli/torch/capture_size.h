// SPDX-License-Identifier: MIT
// What a capture comes to, known before it is made.
#pragma once

#include <anycapture/capturer.h>
#include <anycapture/program.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace anycapture {
namespace cli {

/// Counts what the selectors choose while it lives, and keeps nothing. Once that is large,
/// `watched` is emptied and keeps nothing more.
class CaptureSize {
 public:
  CaptureSize(const Program& program, const std::vector<std::string>& selectors, Capturer* watched);

  bool large() const;
  /// Says on stderr what is going to be written below `out`, `files` times. Throws FileError when
  /// that much is not free there.
  void announce(const std::string& out, std::size_t files) const;

 private:
  struct Count {
    std::uint64_t bytes = 0;
    std::size_t tensors = 0;
  };
  std::shared_ptr<Count> count_;
  Capturer counter_;
};

}  // namespace cli
}  // namespace anycapture
