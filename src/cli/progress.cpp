// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "core/size_text.h"
#include "core/utf8.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {

namespace {

// The line must not wrap: what did could not be wiped away.
std::string shortened(const std::string& text) {
  constexpr int kShown = 60;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int count = 0; at < end && count < kShown; ++count) next_code_point(at, end);
  return {text.data(), at};
}

}  // namespace

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
             shortened(visible(doing)));
  std::fflush(stderr);
}

}  // namespace cli
}  // namespace anycapture
