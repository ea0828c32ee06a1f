// SPDX-License-Identifier: MIT
// A torch.export archive as a world: its modules, what each can be asked for, and how it is run.
#pragma once

#include <anycapture/program.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "capture/program_sites.h"
#include "capture/program_world.h"
#include "exported/exported_program.h"
#include "exported/sites.h"
#include "exported/taps.h"

namespace anycapture {
namespace exported {

class ExportedWorld : public capture::ProgramWorld {
 public:
  explicit ExportedWorld(ExportedProgram program);

  const std::deque<capture::WorldModule>& modules() const override;
  capture::Hooking hooking(std::size_t module) const override;
  capture::Hooking hook(std::size_t module) override { return hooking(module); }
  std::int64_t heads_in_batch(const void* module) const override;
  void check_sites(const BoundSelectors& selectors) const override;
  bool tells_writes() const override { return true; }

  std::vector<std::string> methods() const override { return {"forward"}; }
  c10::IValue call(const std::string& method, const Program::Inputs& inputs,
                   const Program::Keywords& keywords) override;
  std::string schema(const std::string& method) const override;
  std::vector<std::string> arguments(const std::string& method) const override;
  std::vector<ProgramSite> sites(const std::string& path) const override;
  std::vector<std::pair<std::string, at::Tensor>> named_parameters() const override;
  std::shared_ptr<capture::ProgramWorld> copy_of_state() const override;
  std::shared_ptr<capture::ProgramWorld> in_training() const override;

  const ExportedProgram& program() const { return program_; }
  const void* id_of(std::size_t module) const { return modules()[module].id; }
  /// `values`: what weights of the module are multiplied with; says how many heads it has, where it
  /// is torch.nn's, which computes them together with the batch.
  void find_heads(std::size_t module, const c10::IValue& values) const;
  /// What a run with these sessions listens to; made once for each choice.
  std::shared_ptr<const Taps> taps_for(const capture::Sessions& sessions);

 private:
  struct Described {  // looked for when it is first asked for
    explicit Described(const ExportedProgram& program);
    Sites sites;
    std::deque<capture::WorldModule> modules;
  };
  const Described& described() const;
  std::vector<c10::IValue> run(const std::vector<c10::IValue>& leaves,
                               const capture::Sessions& sessions);
  std::vector<c10::IValue> run_heard(const std::vector<c10::IValue>& leaves,
                                     const capture::Sessions& sessions);
  std::vector<std::string> names_of(const std::vector<c10::IValue>& leaves) const;
  std::vector<std::string> tensor_outputs() const;
  void hear_leaves(const capture::Sessions& sessions, SiteKind kind,
                   const std::vector<std::string>& names, const std::vector<c10::IValue>& leaves);
  std::vector<c10::IValue> apply(std::vector<c10::IValue> outputs,
                                 const std::vector<c10::IValue>& leaves,
                                 const capture::Sessions& sessions);

  ExportedProgram program_;
  std::vector<std::pair<std::size_t, c10::IValue>> held_;  // graph's input -> parameter, buffer ...
  mutable std::once_flag describe_;
  mutable std::unique_ptr<const Described> described_;
  mutable std::mutex heads_mutex_;
  mutable std::map<const void*, std::int64_t> heads_;  // by module
  std::mutex mutex_;                                   // of what follows
  std::map<std::string, std::shared_ptr<const Taps>> taps_;
};

}  // namespace exported
}  // namespace anycapture
