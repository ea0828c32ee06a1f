// SPDX-License-Identifier: MIT
// `anycapture diff`: two files key by key, in the order in which the first was executed, so that
// the first line that differs is where a port went wrong.
#include "cli/diff.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>

#include "cli/command.h"
#include "cli/keys.h"
#include "cli/progress.h"
#include "cli/rename.h"
#include "core/element.h"
#include "core/glob.h"
#include "core/key.h"
#include "core/tensor_shape.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::TensorInfo;

struct Options {
  std::string a;
  std::string b;
  Tolerance tolerance;
  bool fail_fast = false;
  bool json = false;
  std::vector<std::string> ignore;
  std::vector<std::string> maps;
};

struct Named {
  std::string name;
  const TensorInfo* tensor;
};

// A file's tensors by execution, under the names that are compared, without what is ignored.
std::vector<Named> named(const CaptureFile& capture, const std::string& path, const Rename& rename,
                         const std::vector<Glob>& ignored) {
  std::vector<Named> result;
  std::map<std::string, std::string> taken;
  for (const TensorInfo* tensor : tensors_by_execution(capture, choose_keys(capture, path, {}))) {
    const KeyCall of = split_call(tensor->key);
    const std::string renamed = rename(of.key);
    const auto matches = [&](const Glob& glob) {
      return glob.matches(of.key) || glob.matches(renamed);
    };
    if (std::any_of(ignored.begin(), ignored.end(), matches)) continue;
    const std::string name = of.call == 0 ? renamed : fmt::format("{}#{}", renamed, of.call);
    const auto [other, is_new] = taken.emplace(name, tensor->key);
    if (!is_new) {
      throw Error(fmt::format("{}: --map gives both {} and {} the name {}", path,
                              printable(other->second), printable(tensor->key), printable(name)));
    }
    result.push_back({name, tensor});
  }
  return result;
}

// In the order of `a`; what only `b` has follows.
std::vector<Pair> pairs_of(const std::vector<Named>& a, const std::vector<Named>& b) {
  std::unordered_map<std::string, const TensorInfo*> left;
  for (const auto& [name, tensor] : b) left.emplace(name, tensor);
  std::vector<Pair> pairs;
  for (const auto& [name, tensor] : a) {
    const auto found = left.find(name);
    pairs.push_back({name, tensor, found == left.end() ? nullptr : found->second});
    if (found != left.end()) left.erase(found);
  }
  for (const auto& [name, tensor] : b) {
    if (left.count(name) > 0) pairs.push_back({name, nullptr, tensor});
  }
  return pairs;
}

Compared compared(const Pair& pair, const CaptureFile& a, const CaptureFile& b,
                  const Tolerance& tolerance) {
  Compared result{pair, Outcome::kSame, {}};
  if (pair.a == nullptr || pair.b == nullptr) {
    result.outcome = pair.b == nullptr ? Outcome::kOnlyA : Outcome::kOnlyB;
    return result;
  }
  if (pair.a->shape != pair.b->shape) {
    result.outcome = Outcome::kShape;
    return result;
  }
  if (numbers_per_element(pair.a->dtype) != numbers_per_element(pair.b->dtype)) {
    result.outcome = Outcome::kDtype;
    return result;
  }
  result.difference =
      difference({pair.a->dtype, a.file().data(*pair.a)}, {pair.b->dtype, b.file().data(*pair.b)},
                 element_count(pair.a->shape), tolerance);
  if (result.difference.far > 0) {
    result.outcome = Outcome::kDiffers;
  } else if (result.difference.max_abs > 0) {
    result.outcome = Outcome::kClose;
  }
  return result;
}

std::string summary(const std::vector<Compared>& all, std::size_t pairs) {
  std::size_t both = 0, agree = 0;
  const Compared* first = nullptr;
  for (const Compared& one : all) {
    both += one.pair.a != nullptr && one.pair.b != nullptr ? 1 : 0;
    agree += agrees(one.outcome) ? 1 : 0;
    if (first == nullptr && !agrees(one.outcome)) first = &one;
  }
  if (both == 0) {
    return "no key is in both files: --map 'OLD=NEW' brings them to the same names\n";
  }
  if (first == nullptr) return fmt::format("all {} agree\n", agree);
  const std::string stopped =
      all.size() < pairs ? fmt::format("; {} were not compared", pairs - all.size()) : "";
  return fmt::format("{} of {} do not agree, the first executed is {}{}\n", all.size() - agree,
                     all.size(), visible(first->pair.name), stopped);
}

int diff(const Options& options) {
  if (!(options.tolerance.rtol >= 0) || !(options.tolerance.atol >= 0)) {
    throw Error(fmt::format("--rtol {} --atol {}: give numbers from 0", options.tolerance.rtol,
                            options.tolerance.atol));
  }
  const Rename rename(options.maps);
  const std::vector<Glob> ignored(options.ignore.begin(), options.ignore.end());
  const CaptureFile a = open_capture(options.a), b = open_capture(options.b);
  const std::vector<Pair> pairs =
      pairs_of(named(a, options.a, rename, ignored), named(b, options.b, rename, ignored));
  std::uint64_t bytes = 0;
  for (const Pair& pair : pairs) bytes += pair.a == nullptr ? 0 : pair.a->bytes;
  std::vector<Compared> all;
  bool agree = !pairs.empty();
  {
    Progress progress("diff", bytes);
    for (const Pair& pair : pairs) {
      progress.advance(0, pair.name);
      all.push_back(compared(pair, a, b, options.tolerance));
      agree = agree && agrees(all.back().outcome);
      if (!agree && options.fail_fast) break;
      progress.advance(pair.a == nullptr ? 0 : pair.a->bytes, pair.name);
    }
  }
  write_out(options.json
                ? diff_json(all)
                : diff_table(all, a, b) + (all.empty() ? "" : "\n") + summary(all, pairs.size()));
  return agree ? kDone : kDiffers;
}

}  // namespace

const char* name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSame:
      return "same";
    case Outcome::kClose:
      return "close";
    case Outcome::kDiffers:
      return "DIFFERS";
    case Outcome::kShape:
      return "SHAPE";
    case Outcome::kDtype:
      return "DTYPE";
    case Outcome::kOnlyA:
      return "only in A";
    case Outcome::kOnlyB:
      break;
  }
  return "only in B";
}

Command diff_command(CommandLine& program) {
  auto options = std::make_shared<Options>();
  Arguments arguments = program.add_command(
      "diff", "Where two files differ: the first place is where a port went wrong");
  arguments.footer(
      "Keys come in the order in which A was executed. Two values are close when |a - b| <= atol + "
      "rtol * |b|, as torch.allclose has it. Exit status 1 when anything is not.");
  arguments.option("A", options->a, "A .safetensors file").required();
  arguments.option("B", options->b, "Another .safetensors file, the reference").required();
  arguments.option("--rtol", options->tolerance.rtol, "Relative tolerance").shows_default();
  arguments.option("--atol", options->tolerance.atol, "Absolute tolerance").shows_default();
  arguments.flag("--fail-fast", options->fail_fast, "Stop at the first that does not agree");
  arguments.repeated("--ignore", options->ignore, "GLOB",
                     "Leave out keys that match, such as '*:input'");
  arguments.repeated("--map", options->maps, "OLD=NEW",
                     "Rename keys of either file: 'encoder.layer.(*).x=blocks.$1.x'");
  arguments.flag("--json", options->json, "All of it as JSON");
  return {arguments, [options] { return diff(*options); }};
}

}  // namespace cli
}  // namespace anycapture
