// SPDX-License-Identifier: MIT
// A model that came from a file: a TorchScript archive, or a torch.export `.pt2`. Any local
// variable of its Python source can be captured, by its name.
#pragma once

#include <ATen/core/ivalue.h>

#include <anycapture/api.h>
#include <anycapture/selector.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace torch {
namespace jit {
struct Module;
}
}  // namespace torch

namespace anycapture {

namespace capture {
class World;
class ProgramWorld;
}  // namespace capture

/// Something that can be asked for at a module of a program.
struct ProgramSite {
  std::string what;      ///< `attn`, `attn[0]`, `_rescale.y`, `input`, `output`, `@softmax`; in a
                         ///< `.pt2` the name of a node too, `softmax_3`
  SiteKind kind;         ///< kLocal, kInput, kOutput or kOp
  std::string type;      ///< `Tensor`, `Tuple[Tensor, Tensor]`; empty for ops and inputs
  std::string file;      ///< of the Python source that assigns it; empty if not known
  std::size_t line = 0;  ///< in it, from 1; 0 if not known
};

/// `Capturer cap(program, "Attention:attn")` listens to what is then run through it. With no
/// session open a TorchScript module's own method runs; with one, a private copy of its graph that
/// shares the weights. The module that it was made of is never changed. The graph of a `.pt2` is
/// run node by node. Copies are the same program; any number of threads may run it at once.
///
/// Archives run code: TorchScript any, a `.pt2` LibTorch's operators, of which some write files.
/// Open only those whose origin you trust.
class ANYCAPTURE_API Program {
 public:
  using Inputs = std::vector<c10::IValue>;
  using Keywords = std::unordered_map<std::string, c10::IValue>;

  /// A TorchScript archive in eval mode, or what torch.export.save wrote (PyTorch 2.8 and later),
  /// in the mode that it was exported in. `device`: where the weights go; without it, where they
  /// were. The weights of a `.pt2` on the CPU are mapped from the file, which must stay as it is.
  /// Throws `FileError` when the file is neither, or damaged, or asks for what is not there:
  /// operators, with all that are missing.
  static Program load(const std::string& path, std::optional<at::Device> device = std::nullopt);
  /// As the module is, in training mode or not.
  explicit Program(const torch::jit::Module& module);

  /// What the module's `forward` returns, bit for bit on the CPU in eval mode. Throws `InputError`
  /// when inputs are missing, too many or of another type than the schema says, or, in a `.pt2`, of
  /// a shape that it was not exported for; what the model throws passes unchanged. Dataclasses and
  /// the like that a `.pt2` returns are dicts here, and are given as dicts.
  c10::IValue forward(const Inputs& inputs, const Keywords& keywords = {}) const;

  class Method;
  /// Throws `Error` with the names of the methods that there are.
  Method method(const std::string& name) const;
  std::vector<std::string> methods() const;

  std::vector<ModuleName> modules() const;
  /// What can be asked for at a module, in the order of its source. Throws `Error` when there is no
  /// module of this path, with the nearest.
  std::vector<ProgramSite> sites(const std::string& path) const;

  /// As the archive names them, `blocks.0.attn.qkv.weight`.
  std::vector<std::pair<std::string, at::Tensor>> named_parameters() const;
  /// With the same weights, and buffers of its own: what a forward changes stays there. Where the
  /// model holds what cannot be copied, this program.
  Program copy_of_state() const;
  /// In training mode. Throws `Error` for a `.pt2`, whose mode is part of its graph.
  Program in_training() const;

  /// Throws `Error` when it came from a `.pt2`.
  const torch::jit::Module& module() const;
  std::shared_ptr<capture::World> world() const;  ///< for Capturer

 private:
  explicit Program(std::shared_ptr<capture::ProgramWorld> world);

  std::shared_ptr<capture::ProgramWorld> world_;
};

/// A method of a program's root.
class ANYCAPTURE_API Program::Method {
 public:
  c10::IValue operator()(const Inputs& inputs, const Keywords& keywords = {}) const;
  /// `forward(Tensor x, bool flag=True) -> Tensor`, as TorchScript writes it; of a `.pt2` with
  /// shapes and their ranges, `forward(x: float32 (s0, 3)), s0 1 to 64`.
  std::string schema() const;
  /// The names of its arguments, in order.
  std::vector<std::string> arguments() const;

 private:
  friend class Program;
  Method(std::shared_ptr<capture::ProgramWorld> world, std::string name)
      : world_(std::move(world)), name_(std::move(name)) {}

  std::shared_ptr<capture::ProgramWorld> world_;
  std::string name_;
};

}  // namespace anycapture
