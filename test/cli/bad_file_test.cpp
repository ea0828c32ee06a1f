// SPDX-License-Identifier: MIT
// Files that cannot be read, or not to their end: every command says so in one line, with exit
// status 3, and never waits.
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::file_of;
using anycapture::safetensors::put;
using anycapture::safetensors::source;
using support::Said;
using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::StartsWith;
using Arguments = std::vector<std::string>;

class BadFile : public ::testing::Test {
 protected:
  BadFile() { anycapture::safetensors::write(good, {source("x", Dtype::kF32, {1}, "1234")}); }

  // Each way of giving a command this file.
  std::vector<Arguments> commands(const std::string& file) const {
    return {{file},
            {"inspect", file, "--show", "x"},
            {"stats", file},
            {"diff", file, good},
            {"diff", good, file},
            {"convert", file, out},
            {"convert", file, folder.file("arrays/")}};
  }

  // Ends with status 124 what still runs after a minute.
  static Said run(const Arguments& before, const Arguments& command) {
    Arguments all{"60"};
    all.insert(all.end(), before.begin(), before.end());
    all.emplace_back(ANYCAPTURE_PROGRAM);
    all.insert(all.end(), command.begin(), command.end());
    return support::run_program("timeout", all);
  }

  void expect_refused(const std::string& file, const std::string& why,
                      const Arguments& before = {}) const {
    for (const Arguments& command : commands(file)) {
      const Said said = run(before, command);
      EXPECT_EQ(said.status, 3) << command[0];
      EXPECT_EQ(said.out, "") << command[0];
      EXPECT_THAT(said.err, StartsWith("anycapture: " + file + ": " + why)) << command[0];
      EXPECT_THAT(said.err, EndsWith("\n"));
      EXPECT_EQ(std::count(said.err.begin(), said.err.end(), '\n'), 1) << said.err;
      EXPECT_FALSE(fs::exists(out));
      EXPECT_FALSE(fs::exists(folder.file("arrays")));
    }
  }

  support::TempDir folder;
  std::string good = folder.file("good.safetensors");
  std::string out = folder.file("out.npz");
};

TEST_F(BadFile, APipeIsNotWaitedFor) {
  const std::string pipe = folder.file("pipe.safetensors");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_refused(pipe, "is no regular file: give the path of a ");
}

TEST_F(BadFile, ADeviceIsNotRead) {
  expect_refused("/dev/zero", "is no regular file: give the path of a ");
  expect_refused("/dev/null", "is no regular file: give the path of a ");
}

TEST_F(BadFile, AFolderIsNone) {
  expect_refused(folder.path().string(), "is a folder: name a ");
}

TEST_F(BadFile, ASocketIsNone) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = folder.file("s");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  expect_refused(path, "cannot be read: No such device or address; check the path");
  ::close(socket);
}

TEST_F(BadFile, AnEmptyOneSaysSo) {
  const std::string empty = folder.file("empty.safetensors");
  put(empty, "");
  expect_refused(empty, "has 0 bytes, a safetensors file has at least 8");
}

// Root may read everything, unless it gives that up.
TEST_F(BadFile, WithoutPermissionItSaysSo) {
  const std::string file = folder.file("secret.safetensors");
  fs::copy_file(good, file);
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  const Arguments as_anyone{"setpriv", "--bounding-set", "-dac_override,-dac_read_search"};
  expect_refused(file, "cannot be read: Permission denied; check the path and its permissions\n",
                 ::geteuid() == 0 ? as_anyone : Arguments{});
}

TEST_F(BadFile, InAFolderWithoutPermissionItSaysSo) {
  const std::string closed = folder.file("closed");
  fs::create_directory(closed);
  fs::copy_file(good, closed + "/x.safetensors");
  ASSERT_EQ(::chmod(closed.c_str(), 0), 0);
  const Arguments as_anyone{"setpriv", "--bounding-set", "-dac_override,-dac_read_search"};
  // Alone it may be a command that was misspelt: `inspect` is written out.
  const Said said =
      run(::geteuid() == 0 ? as_anyone : Arguments{}, {"inspect", closed + "/x.safetensors"});
  EXPECT_EQ(said.status, 3);
  EXPECT_EQ(said.err, "anycapture: " + closed +
                          "/x.safetensors: cannot be read: Permission denied; check the path and "
                          "its permissions\n");
  ASSERT_EQ(::chmod(closed.c_str(), 0700), 0);
}

// A program that runs while its file changes.
class Running {
 public:
  explicit Running(Arguments arguments) {
    arguments.insert(arguments.begin(), ANYCAPTURE_PROGRAM);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const bool redirected = std::freopen(folder_.file("out").c_str(), "w", stdout) != nullptr &&
                            std::freopen(folder_.file("err").c_str(), "w", stderr) != nullptr;
    if (redirected) ::execv(ANYCAPTURE_PROGRAM, pointers.data());
    ::_exit(127);
  }

  // False if it ended before.
  bool wait_until_mapped(const std::string& path) const {
    while (true) {
      std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
      const std::string text{std::istreambuf_iterator<char>(maps), {}};
      if (text.find(path) != std::string::npos) return true;
      siginfo_t about{};
      ::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT);
      if (about.si_pid == pid_) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  Said wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            anycapture::safetensors::contents(folder_.file("out")),
            anycapture::safetensors::contents(folder_.file("err"))};
  }

 private:
  support::TempDir folder_;
  pid_t pid_ = -1;
};

class ShrinkingFile : public BadFile {
 protected:
  // The file loses all but its first page as soon as the program has mapped it.
  void expect_cut_short(const Arguments& command, const std::string& file) {
    const auto entries = [this] {
      return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
    };
    const auto before = entries();
    Running program(command);
    ASSERT_TRUE(program.wait_until_mapped(file)) << command[0] << ": " << program.wait().err;
    fs::resize_file(file, 4096);
    const Said said = program.wait();
    EXPECT_EQ(said.status, 3) << command[0];
    EXPECT_THAT(said.err,
                MatchesRegex("anycapture: [^\n]*was cut short, or its disk failed, [^\n]*: "
                             "write [^\n]* again\n"));
    EXPECT_EQ(said.out, "") << command[0];
    EXPECT_EQ(entries(), before) << command[0] << " leaves something behind";
  }

  // Sparse: to read it all takes many seconds.
  std::string huge(const char* name) const {
    const std::string file = folder.file(name);
    put(file, file_of(R"({"x":{"dtype":"F32","shape":[17179869184],"data_offsets":)"
                      R"([0,68719476736]}})",
                      ""));
    fs::resize_file(file, fs::file_size(file) + (std::uint64_t{64} << 30));
    return file;
  }
};

TEST_F(ShrinkingFile, EndsInALineWhereTheHeaderIsRead) {
  const std::string file = folder.file("many.safetensors");
  std::string header = "{";
  for (int i = 0; i < 500'000; ++i) {
    header += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  put(file, file_of(header + "}", ""));
  expect_cut_short({"inspect", file}, file);
}

TEST_F(ShrinkingFile, EndsInALineInStats) {
  const std::string file = huge("huge.safetensors");
  expect_cut_short({"stats", file}, file);
}

TEST_F(ShrinkingFile, EndsInALineInDiff) {
  const std::string whole = huge("whole.safetensors"), file = huge("huge.safetensors");
  expect_cut_short({"diff", whole, file}, file);
}

TEST_F(ShrinkingFile, EndsInALineInConvertAndLeavesNoHalfFile) {
  for (const char* to : {"x.npz", "x.npy", "x.safetensors", "folder/"}) {
    const std::string file = huge("huge.safetensors");
    expect_cut_short({"convert", file, folder.file(to)}, file);
    fs::remove(file);
  }
}

}  // namespace
