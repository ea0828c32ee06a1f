// SPDX-License-Identifier: MIT
// The sessions that listen on a thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "capture/session.h"

namespace anycapture {
namespace capture {

/// A small number for the calling thread, from 0 in order of first use.
std::uint32_t this_thread_number();

/// The open sessions of one thread, in opening order. A session that another thread closed stays in
/// the list, unheard, until this thread next opens one or ends.
class ThreadSessions {
 public:
  static ThreadSessions& here();

  void add(std::shared_ptr<Session> session);
  void remove(const Session* session);
  bool empty() const { return sessions_.empty(); }

  /// Calls `hear(session)` for each that listens. What fires while one hears (inside a transform)
  /// is not heard; sessions may be opened and closed meanwhile.
  template <class Hear>
  void each(Hear hear);
  /// Whether an open session is so, paused or not.
  template <class Is>
  bool any_open(Is is) const;
  /// Nothing is heard: what runs is of the library, or of a transform.
  bool is_deaf() const { return hearing_; }

 private:
  friend class Deaf;
  void drop_closed();

  std::vector<std::shared_ptr<Session>> sessions_;
  bool hearing_ = false;
  bool has_closed_ = false;  // one was removed while hearing
};

/// While it lives, what this thread runs is the library's own and no session hears it.
class Deaf {
 public:
  Deaf() : was_(std::exchange(sessions_.hearing_, true)) {}
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  ~Deaf() {
    sessions_.hearing_ = was_;
    if (!was_ && sessions_.has_closed_) sessions_.drop_closed();
  }

 private:
  ThreadSessions& sessions_ = ThreadSessions::here();
  const bool was_;
};

template <class Is>
bool ThreadSessions::any_open(Is is) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& session) { return session->is_open() && is(*session); });
}

template <class Hear>
void ThreadSessions::each(Hear hear) {
  if (sessions_.empty() || hearing_) return;
  const Deaf deaf;
  const std::size_t count = sessions_.size();  // one opened meanwhile starts with the next firing
  for (std::size_t i = 0; i < count; ++i) {
    Session* session = sessions_[i].get();
    if (session->listening()) hear(*session);
  }
}

}  // namespace capture
}  // namespace anycapture
