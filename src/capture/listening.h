// SPDX-License-Identifier: MIT
// The sessions that listen on a thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

 private:
  struct Hearing {
    explicit Hearing(ThreadSessions& list) : sessions(list) { sessions.hearing_ = true; }
    ~Hearing() {
      sessions.hearing_ = false;
      if (sessions.has_closed_) sessions.drop_closed();
    }
    ThreadSessions& sessions;
  };

  void drop_closed();

  std::vector<std::shared_ptr<Session>> sessions_;
  bool hearing_ = false;
  bool has_closed_ = false;  // one was removed while hearing
};

template <class Hear>
void ThreadSessions::each(Hear hear) {
  if (sessions_.empty() || hearing_) return;
  const Hearing hearing(*this);
  const std::size_t count = sessions_.size();  // one opened meanwhile starts with the next firing
  for (std::size_t i = 0; i < count; ++i) {
    Session* session = sessions_[i].get();
    if (session->listening()) hear(*session);
  }
}

}  // namespace capture
}  // namespace anycapture
