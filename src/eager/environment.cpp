// SPDX-License-Identifier: MIT
#include "eager/environment.h"

#include <anycapture/captures.h>
#include <anycapture/detail/frame.h>
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <anycapture/tag.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/eager_world.h"
#include "eager/op_tap.h"

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

// What the program handled as one: moved to a device, set to evaluate, read from a file.
struct Wholes {
  std::mutex mutex;
  std::vector<std::weak_ptr<torch::nn::Module>> modules;
};

Wholes& wholes() {
  static auto* wholes = new Wholes();
  return *wholes;
}

bool holds(const torch::nn::Module& whole, const torch::nn::Module& module) {
  if (&whole == &module) return true;
  const auto children = whole.children();
  return std::any_of(children.begin(), children.end(),
                     [&](const auto& child) { return holds(*child, module); });
}

// The last of them that holds the module, and that no other holds; null where there is none.
std::shared_ptr<torch::nn::Module> whole_with(const torch::nn::Module& module) {
  const std::lock_guard<std::mutex> lock(wholes().mutex);
  std::shared_ptr<torch::nn::Module> found;
  for (const auto& life : wholes().modules) {
    auto whole = life.lock();
    if (whole == nullptr || !holds(*whole, module)) continue;
    if (found == nullptr || !holds(*found, *whole)) found = std::move(whole);
  }
  return found;
}

// The modules of a program whose root nobody names. It is what the program handled as a whole,
// where anycapture::interpose saw that, else the first hooked module to run; its paths are the
// model's own. What fires outside it goes by type and number: `Attention.0`.
class DiscoveredWorld : public World {
 public:
  const std::deque<WorldModule>& modules() const override { return modules_; }
  Hooking hooking(std::size_t module) const override {
    return parts_[owner_[module].first]->hooking(owner_[module].second);
  }
  Hooking hook(std::size_t module) override {
    return parts_[owner_[module].first]->hook(owner_[module].second);
  }
  void update_op_tap() override { eager::update_op_tap(); }

  void add(torch::nn::Module& heard, bool is_root) {
    const auto whole = whole_with(heard);
    torch::nn::Module& root = whole == nullptr ? heard : *whole;
    is_root = is_root || whole != nullptr;
    auto part = capture::make_eager_world(root, root.weak_from_this().lock());
    const std::string type = normalise_type(root.name());
    const std::string prefix =
        is_root && modules_.empty() ? "" : fmt::format("{}.{}", type, numbers_[type]++);
    for (std::size_t i = 0; i < part->modules().size(); ++i) {
      WorldModule module = part->modules()[i];
      if (!known_.insert(module.id).second) continue;  // it fired before what holds it
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
  std::set<const void*> known_;
};

std::shared_ptr<Session>& environment_session() {
  static auto* session = new std::shared_ptr<Session>();  // outlives the statics of other libraries
  return *session;
}

void say(const std::string& text) {
  std::fprintf(stderr, "anycapture: %s\n", text.c_str());
}

CaptureOptions options_from_environment() {
  CaptureOptions options;
  options.keep = Keep::clone;  // it is read when the program ends
  const std::string_view count = variable("ANYCAPTURE_KEEP_LAST");
  if (count.empty()) return options;
  const auto [end, error] =
      std::from_chars(count.data(), count.data() + count.size(), options.keep_last);
  if (error == std::errc() && end == count.data() + count.size()) return options;
  say(fmt::format("warning: ANYCAPTURE_KEEP_LAST is {}, no whole number: all calls are kept",
                  printable(count)));
  options.keep_last = 0;
  return options;
}

// What can be wrong with the file is said before the program has run for hours.
void check_out(const std::string& path) {
  if (path.empty()) return;
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (access(folder.c_str(), W_OK) == 0 && !std::filesystem::is_directory(path)) return;
  say(fmt::format("warning: ANYCAPTURE_OUT={} cannot be written: check the folder {}",
                  printable(path), printable(folder.string())));
}

void save(const Session& session) {
  const std::string path = variable("ANYCAPTURE_OUT");
  if (path.empty()) return say("set ANYCAPTURE_OUT=FILE.safetensors to save this");
  if (session.store()->fired().empty()) return say("nothing was captured, so nothing was saved");
  Captures::of(session.store()).save(path);
  say("saved " + path);
}

// At exit: the report, the file if one was asked for.
void finish() noexcept {
  try {
    const std::shared_ptr<Session> session = environment_session();
    if (environment_pending.load()) {
      say(fmt::format("ANYCAPTURE={}: no module with a tag, nor a hooked one, ran",
                      printable(variable("ANYCAPTURE"))));
    }
    if (session == nullptr || !session->end()) return;
    say(fmt::format("{}\n{}", variable("ANYCAPTURE"), session->report().text()));
    const std::string silence = session->silence();
    if (!silence.empty()) say("warning: " + silence);
    save(*session);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anycapture: %s\n", error.what());
  }
}

bool asked_for() {
  if (*variable("ANYCAPTURE") == '\0') {
    if (*variable("ANYCAPTURE_OUT") != '\0')
      say("warning: ANYCAPTURE_OUT is set, but ANYCAPTURE is not: nothing is captured");
    return false;
  }
  std::atexit(finish);
  detail::listeners.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

std::atomic<bool> environment_pending{asked_for()};

void note_whole(torch::nn::Module& module) {
  static const bool asked = *variable("ANYCAPTURE") != '\0';
  if (!asked) return;
  const auto life = module.weak_from_this();
  if (life.expired()) return;
  const std::lock_guard<std::mutex> lock(wholes().mutex);
  auto& known = wholes().modules;
  const auto is_gone_or_it = [&](const auto& other) {
    return other.expired() || (!other.owner_before(life) && !life.owner_before(other));
  };
  known.erase(std::remove_if(known.begin(), known.end(), is_gone_or_it), known.end());
  known.push_back(life);
}

void open_environment_session() {
  if (!environment_pending.exchange(false)) return;
  try {
    auto world = std::make_shared<DiscoveredWorld>();
    auto session = std::make_shared<Session>(world, SelectorList::split(variable("ANYCAPTURE")),
                                             options_from_environment(), Unmatched::allow);
    session->on_unknown_module([world](const void* id, bool may_be_root) {
      auto* module = static_cast<const torch::nn::Module*>(id);
      world->add(const_cast<torch::nn::Module&>(*module), may_be_root);
    });
    environment_session() = session;
    capture::ThreadSessions::here().add(session);
    session->update_op_tap();
    check_out(variable("ANYCAPTURE_OUT"));
    std::atexit(finish);  // once more, so that it comes before what LibTorch has set up by now goes
  } catch (const std::exception& error) {
    detail::listeners.fetch_sub(1, std::memory_order_relaxed);
    say(fmt::format("ANYCAPTURE={}: {}", printable(variable("ANYCAPTURE")), error.what()));
  }
}

}  // namespace eager
}  // namespace anycapture
