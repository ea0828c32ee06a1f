// SPDX-License-Identifier: MIT
#include "script/script_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace anycapture {
namespace script {
namespace {

// Two objects that the archive made of one module have the same weights, all of them: modules that
// share one of their children are two.
std::vector<const void*> weights_of(const torch::jit::Module& module) {
  std::vector<const void*> weights;
  for (const at::Tensor& weight : module.parameters(true)) {
    if (weight.defined() && weight.numel() > 0) {
      weights.push_back(weight.unsafeGetTensorImpl()->data());
    }
  }
  return weights;
}

std::string key_of(const torch::jit::Function& method, bool called, const Sessions& sessions) {
  return fmt::format("{} {}", static_cast<const void*>(&method), called) +
         capture::selectors_text(sessions);
}

// Those that containers have to be iterated, such as `__len__`, are nobody's.
bool is_own(const torch::jit::Function& method) {
  return method.name().compare(0, 2, "__") != 0;
}

bool is_multi_head(const c10::ivalue::Object& module) {
  const auto name = module.type()->name();
  return name && normalise_type(name->qualifiedName()) == "MultiheadAttention";
}

}  // namespace

ScriptWorld::ScriptWorld(torch::jit::Module root) : root_(std::move(root)) {
  for (const auto& module : root_.named_modules()) add(module.name, module.value);
}

// The child of the first module of several that are one, where `path` is that of another's.
std::optional<std::size_t> ScriptWorld::twin_of(const std::string& path) const {
  const std::size_t dot = path.rfind('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto parent = by_path_.find(path.substr(0, dot));
  if (parent == by_path_.end()) return std::nullopt;
  const std::string first = modules_[parent->second].name.path + path.substr(dot);
  const auto found = by_path_.find(first);
  return first == path || found == by_path_.end() ? std::nullopt : std::optional(found->second);
}

void ScriptWorld::add(const std::string& path, const torch::jit::Module& module) {
  const void* object = module._ivalue().get();
  const auto type = module.type();
  auto weights = weights_of(module);
  std::optional<std::size_t> same = weights.empty() ? twin_of(path) : std::nullopt;
  if (same && types_[*same] != type.get()) same.reset();
  const auto known = identities_.find(object);
  if (known != identities_.end()) {
    const auto first =
        std::find_if(modules_.begin(), modules_.end(),
                     [&](const capture::WorldModule& one) { return one.id == known->second.id; });
    same = static_cast<std::size_t>(first - modules_.begin());
  } else if (!weights.empty()) {
    const auto found = by_weights_.find({type.get(), weights});
    if (found != by_weights_.end()) same = found->second;
  }
  by_path_[path] = same.value_or(modules_.size());
  if (same) {
    identities_.emplace(object, Identity{modules_[*same].id, path});
    modules_[*same].name.aliases.push_back(path);
    return;
  }
  if (!weights.empty()) {
    by_weights_.emplace(std::pair(type.get(), std::move(weights)), modules_.size());
  }
  identities_.emplace(object, Identity{object, ""});
  by_type_[type.get()].push_back(modules_.size());
  types_.push_back(type.get());
  const std::string name = type->name() ? type->name()->qualifiedName() : "";
  modules_.push_back({{path, name, {}}, object, {}, false});
}

capture::Hooking ScriptWorld::hooking(std::size_t module) const {
  const auto& methods = types_[module]->methods();
  if (std::any_of(methods.begin(), methods.end(),
                  [](const torch::jit::Function* one) { return is_own(*one); })) {
    return {true, true, "", ""};
  }
  return {false, false, "it has no method: it holds modules", ""};
}

const ScriptWorld::Identity& ScriptWorld::identity_of(const void* object) const {
  const auto found = identities_.find(object);
  return found == identities_.end() ? identities_.at(root_._ivalue().get()) : found->second;
}

const std::vector<std::size_t>& ScriptWorld::modules_of(const c10::ClassType* type) const {
  static const std::vector<std::size_t> kNone;
  const auto found = by_type_.find(type);
  return found == by_type_.end() ? kNone : found->second;
}

const std::vector<MethodSite>& ScriptWorld::sites_of_type(const c10::ClassType& type) const {
  const std::lock_guard<std::mutex> lock(sites_mutex_);
  const auto [found, added] = sites_.try_emplace(&type);
  std::vector<MethodSite>& sites = found->second;
  if (!added) return sites;
  for (const torch::jit::Function* method : type.methods()) {
    if (!is_own(*method)) continue;
    const std::vector<MethodSite> more = sites_of(*method);
    sites.insert(sites.end(), more.begin(), more.end());
  }
  return sites;
}

std::int64_t ScriptWorld::heads_in_batch(const void* module) const {
  const auto& object = *static_cast<const c10::ivalue::Object*>(module);
  if (!is_multi_head(object)) return 0;
  const auto slot = object.type()->findAttributeSlot("num_heads");
  if (slot && object.getSlot(*slot).isInt()) return object.getSlot(*slot).toInt();
  const std::lock_guard<std::mutex> lock(heads_mutex_);
  const auto found = heads_.find(module);
  return found == heads_.end() ? 0 : found->second;
}

void ScriptWorld::find_heads(const void* module, const at::Tensor& query) const {
  const auto& object = *static_cast<const c10::ivalue::Object*>(module);
  const auto slot = object.type()->findAttributeSlot("out_proj");
  if (!is_multi_head(object) || !slot || query.dim() != 3 || query.size(-1) == 0) return;
  const c10::IValue projection = object.getSlot(*slot);
  if (!projection.isObject()) return;
  const auto weight = projection.toObjectRef().type()->findAttributeSlot("weight");
  if (!weight || !projection.toObjectRef().getSlot(*weight).isTensor()) return;
  const std::int64_t width = projection.toObjectRef().getSlot(*weight).toTensor().size(-1);
  const std::lock_guard<std::mutex> lock(heads_mutex_);
  heads_[module] = width / query.size(-1);
}

std::string ScriptWorld::note(std::size_t module, const std::string& what) const {
  for (const MethodSite& site : sites_of_type(*types_[module])) {
    if (site.what == what && !site.note.empty()) return site.note;
  }
  return "";
}

void ScriptWorld::check_sites(const BoundSelectors& selectors) const {
  const auto sites = [this](std::size_t module) {
    std::vector<capture::KnownSite> known;
    for (const MethodSite& site : sites_of_type(*types_[module]))
      known.push_back({site.kind, site.what, site.spellings});
    return known;
  };
  capture::check_sites(*this, selectors,
                       {sites, [this](std::size_t module) { return types_[module]; },
                        "a variable that nothing reads is left out when an archive is saved"});
}

std::vector<ProgramSite> ScriptWorld::sites(const std::string& path) const {
  std::vector<ProgramSite> sites;
  std::set<std::string> known;
  for (const MethodSite& site : sites_of_type(*types_[capture::module_at(*this, path)])) {
    if (!known.insert(site.what).second) continue;
    sites.push_back({site.what, site.kind, site.type, site.file, site.line});
  }
  return sites;
}

Wants ScriptWorld::wants_of(const Sessions& sessions) const {
  const auto any = [this, &sessions](const c10::ClassType* type, auto chooses) {
    for (const std::size_t module : modules_of(type)) {
      for (const auto& session : sessions) {
        if (chooses(session->selectors(), module)) return true;
      }
    }
    return false;
  };
  const auto any_selector = [any](const c10::ClassType* type, auto asks) {
    return any(type, [&](const BoundSelectors& bound, std::size_t module) {
      const std::vector<std::size_t>& indexes = bound.selectors_of(module);
      return std::any_of(indexes.begin(), indexes.end(), [&](std::size_t index) {
        const Selector& selector = bound.selectors()[index];
        return !selector.negative() && asks(selector);
      });
    });
  };
  using Type = const c10::ClassType*;
  return {[any](Type type, SiteKind kind, const std::string& what) {
            return any(type, [&](const BoundSelectors& bound, std::size_t module) {
              return bound.chooses(module, what, kind) >= 0;
            });
          },
          [any_selector](Type type, SiteKind kind, const std::string& op) {
            return any_selector(type,
                                [&](const Selector& one) { return one.may_match_op(op, kind); });
          },
          [any_selector](Type type) {
            return any_selector(type, [](const Selector& one) { return one.numbers_ops(); });
          }};
}

std::shared_ptr<Instrumented> ScriptWorld::instrumented(const torch::jit::Function& method,
                                                        bool called, const Sessions& sessions) {
  const std::string key = key_of(method, called, sessions);
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<Instrumented>& made = instrumented_[key];
  if (made == nullptr) {
    made = std::make_shared<Instrumented>(method, wants_of(sessions), called);
  }
  return made;
}

}  // namespace script
}  // namespace anycapture
