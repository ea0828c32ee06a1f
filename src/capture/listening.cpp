// SPDX-License-Identifier: MIT
#include <anycapture/tag.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "capture/listening.h"
#include "capture/session.h"

namespace anycapture {
namespace detail {

std::atomic<int> listeners{0};

}  // namespace detail

namespace capture {

std::uint32_t this_thread_number() {
  static std::atomic<std::uint32_t> next{0};
  thread_local const std::uint32_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

ThreadSessions& ThreadSessions::here() {
  thread_local ThreadSessions sessions;
  return sessions;
}

void ThreadSessions::add(std::shared_ptr<Session> session) {
  if (!hearing_) drop_closed();
  sessions_.push_back(std::move(session));
}

void ThreadSessions::remove(const Session* session) {
  if (hearing_) {
    has_closed_ = true;
    return;
  }
  sessions_.erase(std::remove_if(sessions_.begin(), sessions_.end(),
                                 [&](const auto& other) { return other.get() == session; }),
                  sessions_.end());
}

void ThreadSessions::drop_closed() {
  has_closed_ = false;
  sessions_.erase(std::remove_if(sessions_.begin(), sessions_.end(),
                                 [](const auto& session) { return !session->is_open(); }),
                  sessions_.end());
}

}  // namespace capture
}  // namespace anycapture
