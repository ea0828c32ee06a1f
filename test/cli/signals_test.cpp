// SPDX-License-Identifier: MIT
// What is left of a conversion that a signal ends in the middle.
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/running.h"
#include "support/temp_dir.h"

namespace {

using anycapture::safetensors::contents;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::Source;
using support::comes_true;
using support::Files;
using support::files_in;
using support::Running;

class SignalsTest : public ::testing::Test {
 protected:
  /// Takes seconds to compress.
  void write_large() const {
    std::string bytes(std::size_t{96} << 20, '\0');
    std::uint64_t state = 1;
    for (std::size_t i = 0; i < bytes.size(); i += sizeof state) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      bytes.replace(i, sizeof state, reinterpret_cast<const char*>(&state), sizeof state);
    }
    const auto length = static_cast<std::int64_t>(bytes.size());
    anycapture::safetensors::write(
        in_, {anycapture::safetensors::source("x", Dtype::kU8, {length}, std::move(bytes))});
  }
  void write_many() const {
    std::vector<Source> sources;
    for (int i = 0; i < 20'000; ++i) {
      sources.push_back(anycapture::safetensors::source(std::to_string(i), Dtype::kU8, {1}, "x"));
    }
    anycapture::safetensors::write(in_, sources);
  }
  bool a_name_is_there(const std::string& part) const {
    for (const std::string& name : files_in(folder_.path())) {
      if (name.find(part) != std::string::npos) return true;
    }
    return false;
  }
  void expect_died_of(int signal, int status) const {
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), signal);
  }

  support::TempDir folder_;
  std::string in_ = folder_.file("in.safetensors");
};

TEST_F(SignalsTest, LeaveTheOldFileAlone) {
  write_large();
  const std::string out = folder_.file("out.npz");
  put(out, "old");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    for (const Files files : {Files::kNameless, Files::kNamed}) {
      Running program({"convert", in_, out, "--compress"}, files);
      ASSERT_TRUE(comes_true([&] {
        return files == Files::kNamed ? a_name_is_there("out.npz.") : program.has_open("(deleted)");
      }));
      program.send(signal);
      expect_died_of(signal, program.wait());
      EXPECT_THAT(files_in(folder_.path()),
                  ::testing::UnorderedElementsAre("in.safetensors", "out.npz"));
      EXPECT_EQ(contents(out), "old");
    }
  }
}

TEST_F(SignalsTest, LeaveNoPartOfAFolder) {
  write_many();
  const std::string out = folder_.file("arrays");
  for (const Files files : {Files::kNameless, Files::kNamed}) {
    Running program({"convert", in_, out + "/"}, files);
    ASSERT_TRUE(comes_true([&] {
      for (const std::string& name : files_in(folder_.path())) {
        std::error_code ignored;  // a file in it may be renamed meanwhile
        if (name.find("arrays.") == 0 && files_in(folder_.path() / name).size() > 100) return true;
      }
      return false;
    }));
    program.send(SIGINT);
    expect_died_of(SIGINT, program.wait());
    EXPECT_THAT(files_in(folder_.path()), ::testing::ElementsAre("in.safetensors"));
  }
}

TEST_F(SignalsTest, StayIgnoredWhereTheyWere) {
  write_large();
  const std::string out = folder_.file("out.npz");
  Running program({"convert", in_, out, "--compress"}, Files::kNamed, /*ignores_hangup=*/true);
  ASSERT_TRUE(comes_true([&] { return a_name_is_there("out.npz."); }));
  program.send(SIGHUP);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(a_name_is_there("out.npz."));
  program.send(SIGTERM);
  expect_died_of(SIGTERM, program.wait());
}

}  // namespace
