// SPDX-License-Identifier: MIT
#include "cli/torch/capture_size.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "capture/count_bytes.h"
#include "core/size_text.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLarge = std::uint64_t{256} << 20;

CaptureOptions counting(std::function<void(std::uint64_t)> count) {
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  options.keep_last = 1;
  options.transform = capture::CountBytes{std::move(count)};
  return options;
}

}  // namespace

CaptureSize::CaptureSize(const Program& program, const std::vector<std::string>& selectors,
                         Capturer* watched)
    : count_(std::make_shared<Count>()),
      counter_(program, selectors, counting([count = count_, watched](std::uint64_t bytes) {
                 const bool was_small = count->bytes <= kLarge;
                 count->bytes += bytes;
                 count->tensors += 1;
                 if (watched == nullptr || !was_small || count->bytes <= kLarge) return;
                 watched->pause();
                 watched->clear();
               })) {}

bool CaptureSize::large() const {
  return count_->bytes > kLarge;
}

void CaptureSize::announce(const std::string& out, std::size_t files) const {
  const std::uint64_t bytes = count_->bytes * files;
  if (bytes <= kLarge) return;
  const std::string each = files == 1 ? "" : fmt::format(" in each of {} files", files);
  const std::string size =
      fmt::format("{} ({} tensors{})", size_text(bytes), count_->tensors, each);
  std::error_code unknown;
  const fs::path folder = fs::absolute(out).parent_path();
  const fs::space_info space = fs::space(folder, unknown);
  if (!unknown && space.available < bytes) {
    throw FileError(fmt::format(
        "{}: the capture takes {}, and {} are free there: choose less with -c, or another disk",
        visible(out), size, size_text(space.available)));
  }
  std::fprintf(stderr, "anycapture: %s will take %s%s\n", visible(out).c_str(), size.c_str(),
               unknown ? "" : fmt::format("; {} are free", size_text(space.available)).c_str());
}

}  // namespace cli
}  // namespace anycapture
