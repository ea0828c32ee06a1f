// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "core/size_text.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {

Progress::Progress(std::string name, std::uint64_t bytes)
    : name_(std::move(name)),
      bytes_(bytes),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(Clock::now() + std::chrono::seconds(1)) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::uint64_t bytes, const std::string& doing) {
  done_ += bytes;
  if (!terminal_ || Clock::now() < next_) return;
  next_ = Clock::now() + std::chrono::milliseconds(100);
  shown_ = true;
  fmt::print(stderr, "\r\033[K{}: {} of {}, {}", name_, size_text(done_), size_text(bytes_),
             visible(doing).substr(0, 60));
  std::fflush(stderr);
}

}  // namespace cli
}  // namespace anycapture
