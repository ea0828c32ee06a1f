// SPDX-License-Identifier: MIT
// usage: write_speed FILE
//
// Prints how many seconds safetensors::write() takes for 1 GiB of tensors that are in memory, with
// the file on disk at the end.
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

using anycapture::safetensors::Bytes;
using anycapture::safetensors::Source;

// Values differ, so that no file system can make them short.
std::vector<Source> gibibyte() {
  constexpr std::size_t kCount = std::size_t{64} << 20;
  std::vector<Source> sources;
  std::uint32_t state = 1;
  for (int i = 0; i < 4; ++i) {
    auto values = std::make_shared<std::vector<std::uint32_t>>(kCount);
    for (std::uint32_t& value : *values) value = state = state * 1664525 + 1013904223;
    sources.push_back({fmt::format("t{}:x", i),
                       anycapture::safetensors::Dtype::kU32,
                       {std::int64_t{kCount}},
                       [values] {
                         return Bytes{values->data(), kCount * sizeof(std::uint32_t), values};
                       }});
  }
  return sources;
}

}  // namespace

int main(int count, char** arguments) {
  using Clock = std::chrono::steady_clock;
  if (count != 2) {
    fmt::print(stderr, "usage: write_speed FILE\n");
    return 2;
  }
  const std::vector<Source> sources = gibibyte();
  const auto start = Clock::now();
  try {
    anycapture::safetensors::write(arguments[1], sources);
  } catch (const anycapture::Error& error) {
    fmt::print(stderr, "write_speed: {}\n", error.what());
    return 3;
  }
  fmt::print("{:.4f}\n", std::chrono::duration<double>(Clock::now() - start).count());
}
