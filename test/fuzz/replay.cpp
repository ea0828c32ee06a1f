// SPDX-License-Identifier: MIT
// usage: fuzz_replay TARGET FOLDER...
//
// Gives each file of the folders to a target, without libFuzzer.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

constexpr std::pair<const char*, fuzz::Target> kTargets[] = {
#ifdef FUZZ_WITH_TORCH
    {"exported", fuzz::exported},
#else
    {"capture", fuzz::capture},   {"metadata", fuzz::metadata}, {"npy", fuzz::npy},
    {"npz", fuzz::npz},           {"sniff", fuzz::sniff},       {"picture", fuzz::picture},
    {"selector", fuzz::selector}, {"rename", fuzz::rename},
#endif
};

std::vector<fs::path> files_in(const char* folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string name = count > 1 ? arguments[1] : "";
  const auto* found = std::find_if(std::begin(kTargets), std::end(kTargets),
                                   [&](const auto& target) { return target.first == name; });
  if (count < 3 || found == std::end(kTargets)) {
    std::fprintf(stderr, "usage: fuzz_replay TARGET FOLDER...\n");
    return 2;
  }
  std::size_t replayed = 0;
  for (int i = 2; i < count; ++i) {
    for (const fs::path& path : files_in(arguments[i])) {
      std::fprintf(stderr, "%s\n", path.c_str());  // the last one is what a crash was at
      std::ifstream file(path, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      found->second(bytes);
      ++replayed;
    }
  }
  std::printf("%zu inputs\n", replayed);
  return replayed > 0 ? 0 : 1;
}
