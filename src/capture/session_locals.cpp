// SPDX-License-Identifier: MIT
// Local variables, as instrumented sources name them.
#include <algorithm>

#include "capture/session.h"

namespace anycapture {
namespace capture {

bool Session::wants_locals(const void* module, const std::string& function) {
  if (module == nullptr) {
    const std::vector<Selector>& all = selectors_.selectors();
    return std::any_of(all.begin(), all.end(), [](const Selector& selector) {
      return selector.form() == ModuleForm::kFunction && !selector.negative();
    });
  }
  const std::size_t index = index_of(module, function == "forward");
  heard_ = heard_ || index != kUnknown;
  return index != kUnknown && !selectors_.selectors_of(index).empty() &&
         selectors_.may_choose(index, SiteKind::kLocal);
}

bool Session::wants_local(const void* module, const std::string& function,
                          const std::string& what) {
  if (module == nullptr) return function_site(function, what) != nullptr;
  const std::size_t index = index_of(module, false);
  if (index == kUnknown || selectors_.selectors_of(index).empty()) return false;
  if (field_site(index, SiteKind::kLocal, what) != nullptr) return true;
  auto& unchosen = states_[index].unchosen;
  const bool is_final = what.empty() || what.back() != ']';
  if (is_final && std::find(unchosen.begin(), unchosen.end(), what) == unchosen.end())
    unchosen.push_back(what);
  return false;
}

void Session::fire_local(const void* module, const std::string& function, const std::string& what,
                         const at::Tensor& value) {
  if (module != nullptr) return fire_field(module, SiteKind::kLocal, what, value);
  StoredSite* site = function_site(function, what);
  if (site != nullptr) record(*site, value, false);
}

StoredSite* Session::function_site(const std::string& function, const std::string& what) {
  const std::string path = "fn:" + function;
  const auto [known, added] = functions_.try_emplace(path + ":" + what, nullptr);
  if (added) {
    const int selector = selectors_.chooses_function(function, what);
    if (selector >= 0) {
      known->second =
          &store_->site({path, "", what, known->first}, world_->modules().size(), selector);
    }
  }
  return known->second;
}

}  // namespace capture
}  // namespace anycapture
