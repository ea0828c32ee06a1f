// SPDX-License-Identifier: MIT
#include <anycapture/capturer.h>
#include <anycapture/error.h>
#include <anycapture/tag.h>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include "capture/listening.h"
#include "capture/save_options.h"
#include "capture/session.h"

namespace anycapture {

using capture::Session;
using capture::ThreadSessions;

namespace {

void warn(const std::string& text) {
  std::fprintf(stderr, "anycapture: warning: %s\n", text.c_str());
}

// While another exception is passing, a second one would end the program.
void finish_file(Session& session, const SaveOptions& options) {
  try {
    session.finish_file(options);
  } catch (const FileError& error) {
    if (std::uncaught_exceptions() == 0) throw;
    warn(error.what());
  }
}

void check_in_memory(const capture::Store& store, const char* call) {
  if (store.written_to.empty()) return;
  throw Error(fmt::format("{}: what was captured is in {} and not in memory: leave this out", call,
                          store.written_to));
}

}  // namespace

Capturer Capturer::of(std::shared_ptr<capture::World> world, const Selectors& selectors,
                      CaptureOptions options) {
  return Capturer(std::make_shared<Session>(std::move(world), selectors, std::move(options)));
}

Capturer::Capturer(std::shared_ptr<Session> session)
    : CaptureReader(session->store()), session_(std::move(session)) {
  ThreadSessions::here().add(session_);
  session_->update_op_tap();
  detail::listeners.fetch_add(1, std::memory_order_relaxed);
}

Capturer::Capturer(Capturer&& other) noexcept
    : CaptureReader(other), session_(std::move(other.session_)) {}

Capturer& Capturer::operator=(Capturer&& other) noexcept {
  if (this == &other) return *this;
  finish();
  CaptureReader::operator=(other);
  session_ = std::move(other.session_);
  return *this;
}

Capturer::~Capturer() {
  finish();
}

void Capturer::close(const SaveOptions& options) {
  capture::check(options);
  if (store_->written_to.empty()) {
    throw Error(
        "close() with options finishes the file of CaptureOptions::write_to, which this session "
        "has not: close(), then save(path, options)");
  }
  if (options.keys != "*") {
    throw Error(
        fmt::format("SaveOptions::keys is {}: what fires is written at once; choose it by "
                    "the session's selectors",
                    options.keys));
  }
  close_session(options);
}

void Capturer::close() {
  close_session(SaveOptions());
}

void Capturer::close_session(const SaveOptions& options) {
  if (session_ == nullptr || !session_->end()) return;
  detail::listeners.fetch_sub(1, std::memory_order_relaxed);
  ThreadSessions::here().remove(session_.get());
  session_->update_op_tap();
  finish_file(*session_, options);
  say_failure();
  const OnSilent on_silent = session_->options().on_silent;
  if (on_silent == OnSilent::ignore) return;
  const std::string silence = session_->silence();
  if (silence.empty()) return;
  if (on_silent == OnSilent::raise && std::uncaught_exceptions() == 0) {
    throw SilentSelectorError(silence);
  }
  warn(silence);
}

// What an op met and no site behind it threw.
void Capturer::say_failure() {
  if (std::uncaught_exceptions() == 0) return session_->throw_failure();
  try {
    session_->throw_failure();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: warning: %s\n", error.what());
  }
}

// A destructor warns where close() would throw.
void Capturer::finish() noexcept {
  try {
    close();
  } catch (const Error& error) {
    std::fprintf(stderr, "anycapture: warning: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: while closing a session: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "anycapture: while closing a session: what a transform threw\n");
  }
}

bool Capturer::is_open() const noexcept {
  return session_ != nullptr && session_->is_open();
}

void Capturer::pause() noexcept {
  if (session_ != nullptr) session_->pause(true);
}

void Capturer::resume() noexcept {
  if (session_ != nullptr) session_->pause(false);
}

void Capturer::clear() {
  check_in_memory(*store_, "clear()");
  session_ == nullptr ? store_->clear() : session_->clear();
}

Captures Capturer::take() {
  check_in_memory(*store_, "take()");
  if (session_ == nullptr)
    return Captures::of(std::exchange(store_, std::make_shared<capture::Store>()));
  Captures taken = Captures::of(session_->take());
  store_ = session_->store();
  return taken;
}

Report Capturer::report() const {
  return session_ == nullptr ? Report{} : session_->report();
}

}  // namespace anycapture
