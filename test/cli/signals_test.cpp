// SPDX-License-Identifier: MIT
// What is left of a conversion that a signal ends in the middle.
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using anycapture::safetensors::contents;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::Source;

/// Of the file system that the program finds.
enum class Files { kNameless, kNamed };

/// The program `anycapture` while it runs.
class Running {
 public:
  Running(std::vector<std::string> arguments, Files files, bool ignores_hangup = false) {
    arguments.insert(arguments.begin(), ANYCAPTURE_PROGRAM);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    child_ = ::fork();
    if (child_ != 0) return;
    if (files == Files::kNamed) {
      ::setenv("LD_PRELOAD", ANYCAPTURE_NO_NAMELESS_FILES, 1);
      ::setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
    }
    if (ignores_hangup) std::signal(SIGHUP, SIG_IGN);
    ::execv(ANYCAPTURE_PROGRAM, raw.data());
    ::_exit(127);
  }
  ~Running() {
    if (child_ > 0) ::kill(child_, SIGKILL), ::waitpid(child_, nullptr, 0);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void send(int signal) const { ::kill(child_, signal); }
  /// As waitpid() gives it.
  int wait() {
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return status;
  }
  bool has_open(const std::string& part) const {
    std::error_code ignored;
    for (const auto& link :
         fs::directory_iterator("/proc/" + std::to_string(child_) + "/fd", ignored)) {
      const std::string file = fs::read_symlink(link.path(), ignored).string();
      if (file.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  pid_t child_;
};

bool comes_true(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

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
