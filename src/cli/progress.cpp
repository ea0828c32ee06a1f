// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <string>
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

Progress::Progress(std::string name, std::uint64_t all, Of unit)
    : name_(std::move(name)),
      all_(all),
      unit_(unit),
      terminal_(::isatty(STDERR_FILENO) == 1),
      next_(Clock::now() + std::chrono::seconds(1)) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::advance(std::uint64_t more, const std::string& doing) {
  done_ += more;
  if (!terminal_ || Clock::now() < next_) return;
  next_ = Clock::now() + std::chrono::milliseconds(100);
  shown_ = true;
  const auto amount = [&](std::uint64_t n) {
    return unit_ == Of::bytes ? size_text(n) : std::to_string(n);
  };
  fmt::print(stderr, "\r\033[K{}: {} of {}{}, {}", name_, amount(done_), amount(all_),
             unit_ == Of::files ? " files" : "", shortened(visible(doing)));
  std::fflush(stderr);
}

}  // namespace cli
}  // namespace anycapture
