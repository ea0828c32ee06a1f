// SPDX-License-Identifier: MIT
// The program while it runs, to be sent signals.
#pragma once

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

namespace support {

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
         std::filesystem::directory_iterator("/proc/" + std::to_string(child_) + "/fd", ignored)) {
      const std::string file = std::filesystem::read_symlink(link.path(), ignored).string();
      if (file.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  pid_t child_;
};

/// Within a minute.
inline bool comes_true(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

inline std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  return names;
}

}  // namespace support
