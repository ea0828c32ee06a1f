// SPDX-License-Identifier: MIT
#include "cli/signals.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string_view>

#include "cli/command.h"
#include "core/leftover.h"

namespace anycapture {
namespace cli {
namespace {

// The shell sees which signal it was (130 for Ctrl-C), and stops its script for that one alone.
void clean_up_and_die(int signal) {
  remove_leftovers();
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  ::raise(signal);  // comes when this handler is left
}

// A mapped file that was cut short ends in this signal, in whatever thread touches what is gone;
// the first one says so.
void end_on_missing_pages(int) {
  static std::atomic_flag told = ATOMIC_FLAG_INIT;
  while (told.test_and_set()) ::pause();
  constexpr std::string_view kMessage =
      "anycapture: a file was cut short, or its disk failed, while it was read: write it again\n";
  const ssize_t ignored = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  static_cast<void>(ignored);
  remove_leftovers();
  ::_exit(kFile);
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction before {};
  if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigfillset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

void handle_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXCPU}) {
    handle(signal, clean_up_and_die);
  }
  handle(SIGBUS, end_on_missing_pages);
}

}  // namespace cli
}  // namespace anycapture
