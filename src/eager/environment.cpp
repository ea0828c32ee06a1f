// SPDX-License-Identifier: MIT
#include "eager/environment.h"

#include <anycapture/captures.h>
#include <anycapture/detail/frame.h>
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <anycapture/tag.h>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/eager_world.h"

namespace anycapture {
namespace eager {
namespace {

using capture::Hooking;
using capture::Session;
using capture::World;
using capture::WorldModule;

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The modules of a program whose root nobody names. The first hooked module to run is the root, its
// paths are the model's own; what fires outside it goes by type and number: `Attention.0`.
class DiscoveredWorld : public World {
 public:
  const std::deque<WorldModule>& modules() const override { return modules_; }
  Hooking hooking(std::size_t module) const override {
    return parts_[owner_[module].first]->hooking(owner_[module].second);
  }
  Hooking hook(std::size_t module) override {
    return parts_[owner_[module].first]->hook(owner_[module].second);
  }

  void add(torch::nn::Module& root, bool is_root) {
    auto part = capture::make_eager_world(root, root.weak_from_this().lock());
    const std::string type = normalise_type(root.name());
    const std::string prefix =
        is_root && modules_.empty() ? "" : fmt::format("{}.{}", type, numbers_[type]++);
    for (std::size_t i = 0; i < part->modules().size(); ++i) {
      WorldModule module = part->modules()[i];
      module.name.path = joined(prefix, module.name.path);
      for (std::string& alias : module.name.aliases) alias = joined(prefix, alias);
      modules_.push_back(std::move(module));
      owner_.emplace_back(parts_.size(), i);
    }
    parts_.push_back(std::move(part));
  }

 private:
  static std::string joined(const std::string& prefix, const std::string& path) {
    return prefix.empty() || path.empty() ? prefix + path : prefix + "." + path;
  }

  std::vector<std::shared_ptr<World>> parts_;
  std::vector<std::pair<std::size_t, std::size_t>> owner_;  // of each module: part, index in it
  std::deque<WorldModule> modules_;
  std::map<std::string, int> numbers_;
};

std::shared_ptr<Session>& environment_session() {
  static auto* session = new std::shared_ptr<Session>();  // outlives the statics of other libraries
  return *session;
}

CaptureOptions options_from_environment() {
  CaptureOptions options;
  options.keep = Keep::clone;  // it is read when the program ends
  options.keep_last = std::strtoul(variable("ANYCAPTURE_KEEP_LAST"), nullptr, 10);
  return options;
}

// At exit: the report, the file if one was asked for.
void finish() noexcept {
  const std::shared_ptr<Session> session = environment_session();
  if (session == nullptr || !session->end()) return;
  try {
    std::fprintf(stderr, "anycapture: %s\n%s", variable("ANYCAPTURE"),
                 session->report().text().c_str());
    const std::string silence = session->silence();
    if (!silence.empty()) std::fprintf(stderr, "anycapture: warning: %s\n", silence.c_str());
    const std::string path = variable("ANYCAPTURE_OUT");
    if (path.empty()) {
      std::fprintf(stderr, "anycapture: set ANYCAPTURE_OUT=FILE.safetensors to save this\n");
      return;
    }
    Captures::of(session->store()).save(path);
    std::fprintf(stderr, "anycapture: saved %s\n", path.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: %s\n", error.what());
  }
}

bool asked_for() {
  if (*variable("ANYCAPTURE") == '\0') return false;
  detail::listeners.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

std::atomic<bool> environment_pending{asked_for()};

void open_environment_session() {
  if (!environment_pending.exchange(false)) return;
  try {
    auto world = std::make_shared<DiscoveredWorld>();
    auto session = std::make_shared<Session>(world, SelectorList::split(variable("ANYCAPTURE")),
                                             options_from_environment(), Unmatched::allow);
    session->on_unknown_module([world](const void* id, bool is_frame) {
      auto* module = static_cast<const torch::nn::Module*>(id);
      world->add(const_cast<torch::nn::Module&>(*module), is_frame);
    });
    environment_session() = session;
    capture::ThreadSessions::here().add(std::move(session));
    std::atexit(finish);
  } catch (const std::exception& error) {
    detail::listeners.fetch_sub(1, std::memory_order_relaxed);
    std::fprintf(stderr, "anycapture: ANYCAPTURE=\"%s\": %s\n", variable("ANYCAPTURE"),
                 error.what());
  }
}

}  // namespace eager
}  // namespace anycapture
