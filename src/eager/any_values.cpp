// SPDX-License-Identifier: MIT
#include "eager/any_values.h"

#include <anycapture/detail/collect.h>

#include <ATen/core/List.h>
#include <torch/nn/modules/adaptive.h>
#include <torch/ordered_dict.h>

#include <array>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace anycapture {
namespace {

using at::Tensor;

struct Known {
  std::shared_mutex mutex;
  std::unordered_map<std::type_index, detail::CollectAny> types;
};

Known& known() {
  static auto* known = new Known();  // libraries may add to it while the program starts and ends
  return *known;
}

template <class... Types>
bool know_all() {
  return (detail::know_type<Types>() && ...);
}

// What the modules of LibTorch take and give, and the commonest of users' own.
bool know_common_types() {
  return know_all<
      Tensor, std::vector<Tensor>, std::pair<Tensor, Tensor>, std::tuple<Tensor, Tensor>,
      std::tuple<Tensor, Tensor, Tensor>, std::tuple<Tensor, Tensor, Tensor, Tensor>,
      std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>, std::array<Tensor, 2>,
      std::array<Tensor, 3>, std::array<Tensor, 4>, c10::List<Tensor>,
      std::tuple<Tensor, std::tuple<Tensor, Tensor>>, std::tuple<Tensor, std::vector<Tensor>>,
      c10::optional<Tensor>, std::vector<std::vector<Tensor>>,
      c10::optional<std::tuple<Tensor, Tensor>>, c10::optional<std::vector<Tensor>>,
      std::map<std::string, Tensor>, std::unordered_map<std::string, Tensor>,
      torch::OrderedDict<std::string, Tensor>>();
}

}  // namespace

namespace detail {

bool know_type(const std::type_info& type, CollectAny collect) {
  const std::unique_lock<std::shared_mutex> lock(known().mutex);
  known().types.insert_or_assign(type, collect);
  return true;
}

}  // namespace detail

namespace eager {

bool collect_any(Tensors& into, const std::string& name, torch::nn::AnyValue& value) {
  [[maybe_unused]] static const bool common = know_common_types();
  detail::CollectAny collect = nullptr;
  {
    const std::shared_lock<std::shared_mutex> lock(known().mutex);
    const auto found = known().types.find(value.type_info());
    if (found != known().types.end()) collect = found->second;
  }
  if (collect != nullptr) collect(into, name, value);
  return collect != nullptr;
}

}  // namespace eager
}  // namespace anycapture
