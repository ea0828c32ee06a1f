// SPDX-License-Identifier: MIT
// How far long work is: a line on a terminal once it has taken a second, nothing elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace anycapture {
namespace cli {

class Progress {
 public:
  enum class Of { bytes, files };

  Progress(std::string name, std::uint64_t all, Of unit = Of::bytes);
  ~Progress();  ///< wipes the line away
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// So much is done as well; `doing` is what comes next.
  void advance(std::uint64_t more, const std::string& doing);

 private:
  using Clock = std::chrono::steady_clock;

  std::string name_;
  std::uint64_t all_;
  Of unit_;
  std::uint64_t done_ = 0;
  bool terminal_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace cli
}  // namespace anycapture
