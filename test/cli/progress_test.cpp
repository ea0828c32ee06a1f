// SPDX-License-Identifier: MIT
// The line that a terminal shows while long work goes on.
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/temp_dir.h"

namespace {

using anycapture::safetensors::Dtype;
using anycapture::safetensors::Source;

// Takes some seconds to compress.
void write_large(const std::string& path, const std::string& name) {
  std::vector<Source> sources;
  for (int i = 0; i < 12; ++i) {
    constexpr std::int64_t kLength = std::int64_t{8} << 20;
    std::string bytes(static_cast<std::size_t>(kLength), '\0');
    std::uint64_t state = 1;
    for (char& byte : bytes) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      byte = static_cast<char>(state);
    }
    sources.push_back(anycapture::safetensors::source(name + std::to_string(i), Dtype::kU8,
                                                      {kLength}, std::move(bytes)));
  }
  anycapture::safetensors::write(path, sources);
}

TEST(ProgressTest, CutsTheKeyBetweenCharacters) {
  const support::TempDir folder;
  std::string key = "a";
  for (int i = 0; i < 80; ++i) key += "\xC3\xA9";
  std::string in = folder.file("in.safetensors"), out = folder.file("out.npz");
  write_large(in, key);
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    ::execl(ANYCAPTURE_PROGRAM, ANYCAPTURE_PROGRAM, "convert", in.c_str(), out.c_str(),
            "--compress", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  std::string shown;
  char buffer[4096];
  while (true) {  // it ends with EIO when the program does
    const ssize_t got = ::read(terminal, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    shown.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  EXPECT_EQ(status, 0);
  const std::string line = key.substr(0, 1 + 59 * 2);
  EXPECT_THAT(shown, ::testing::HasSubstr("\r\x1B[Kconvert: "));
  EXPECT_THAT(shown, ::testing::HasSubstr(" of 96.0 MiB, " + line + "\r\x1B[K"));
}

}  // namespace
