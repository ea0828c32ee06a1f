// SPDX-License-Identifier: MIT
// What a program does with a model as a whole. The session of the environment, to which nobody
// names a model, learns here what its modules' paths begin at.
#include <torch/nn/module.h>

#include "eager/environment.h"
#include "interpose/call.h"

namespace {

using anycapture::interpose::call_next;
using anycapture::interpose::resolve;

// These functions call themselves for the children; and what they call in turn is no use of its
// own.
class Use {
 public:
  explicit Use(const torch::nn::Module& module) {
    if (depth_++ == 0) anycapture::eager::note_whole(const_cast<torch::nn::Module&>(module));
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { --depth_; }

 private:
  static thread_local int depth_;
};
thread_local int Use::depth_ = 0;

struct Next {
  const char* symbol;
  std::atomic<void*> address{nullptr};
};

template <class R, class... A, class Self>
R call_whole(Next& next, Self& self, A... arguments) {
  const Use use(self);
  return call_next<R, Self, A...>(resolve(next.symbol, next.address), self,
                                  std::forward<A>(arguments)...);
}

Next next_train{"_ZN5torch2nn6Module5trainEb"};
Next next_to_both{"_ZN5torch2nn6Module2toEN3c106DeviceENS2_10ScalarTypeEb"};
Next next_to_dtype{"_ZN5torch2nn6Module2toEN3c1010ScalarTypeEb"};
Next next_to_device{"_ZN5torch2nn6Module2toEN3c106DeviceEb"};
Next next_load{"_ZN5torch2nn6Module4loadERNS_9serialize12InputArchiveE"};
Next next_parameters{"_ZNK5torch2nn6Module10parametersEb"};
Next next_named_parameters{"_ZNK5torch2nn6Module16named_parametersB5cxx11Eb"};

}  // namespace

namespace torch {
namespace nn {

void Module::train(bool on) {
  call_whole<void, bool>(next_train, *this, on);
}

void Module::to(Device device, Dtype dtype, bool non_blocking) {
  call_whole<void, Device, Dtype, bool>(next_to_both, *this, device, dtype, non_blocking);
}

void Module::to(Dtype dtype, bool non_blocking) {
  call_whole<void, Dtype, bool>(next_to_dtype, *this, dtype, non_blocking);
}

void Module::to(Device device, bool non_blocking) {
  call_whole<void, Device, bool>(next_to_device, *this, device, non_blocking);
}

void Module::load(serialize::InputArchive& archive) {
  call_whole<void, serialize::InputArchive&>(next_load, *this, archive);
}

std::vector<Tensor> Module::parameters(bool recurse) const {
  return call_whole<std::vector<Tensor>, bool>(next_parameters, *this, recurse);
}

OrderedDict<std::string, Tensor> Module::named_parameters(bool recurse) const {
  return call_whole<OrderedDict<std::string, Tensor>, bool>(next_named_parameters, *this, recurse);
}

}  // namespace nn
}  // namespace torch
