// SPDX-License-Identifier: MIT
// Selectors: text that chooses sites, `[!]module[:what]`.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anycapture {

/// A module as selectors see it.
struct ModuleName {
  std::string path;                  ///< dotted, the root's is empty
  std::string type;                  ///< as the object says it: `torch::nn::LinearImpl`
  std::vector<std::string> aliases;  ///< further paths of the same module
};

/// What stands at a site.
enum class SiteKind {
  kTag,        ///< named with anycapture::tag: `attn`, `function.scores`
  kLocal,      ///< a local variable: `attn`, `attn[0]`, `function.x`
  kInput,      ///< `input`, `input.1`, `encode.input`
  kOutput,     ///< `output`, `output.0`, `encode.output`
  kAttention,  ///< `attention`
  kOp,         ///< result of an op: `@softmax`, `@topk.1`
  kOpInput,    ///< what an op took: `@softmax.input`, `@matmul.input.1`
};

/// `torch::nn::LinearImpl` -> `Linear`: without namespace, trailing `Impl`, TorchScript's prefixes
/// and AnyCapture's own wrapper. Template arguments stay.
ANYCAPTURE_API std::string normalise_type(std::string_view type);

/// At most `count` candidates that `word` may have been meant to be, best first: those a few typing
/// errors away, then those that contain it. Upper and lower case count as the same.
ANYCAPTURE_API std::vector<std::string> nearest(std::string_view word,
                                                const std::vector<std::string>& candidates,
                                                std::size_t count);

/// A module path as keys hold it: its own `:`, `#` and `%` become `%3A`, `%23` and `%25`.
ANYCAPTURE_API std::string encode_path(std::string_view path);
/// The reverse of encode_path(); a `%` in front of anything else stays.
ANYCAPTURE_API std::string decode_path(std::string_view path);

/// How the module part of a selector is meant.
enum class ModuleForm {
  kRoot,      ///< empty
  kWord,      ///< type name or whole path
  kGlob,      ///< glob over paths; over types too, if it has no dot and matches no path
  kType,      ///< `type:GLOB`
  kPath,      ///< `path:GLOB`
  kRegex,     ///< `re:/.../`
  kFunction,  ///< `fn:GLOB`, sites outside any module
};

/// One parsed selector. Copies share what was compiled.
class ANYCAPTURE_API Selector {
 public:
  /// Throws `SelectorError` with the text, the position and what to write instead.
  static Selector parse(std::string_view text);

  const std::string& text() const;  ///< as it was given, without surrounding spaces
  bool negative() const;            ///< begins with `!`
  ModuleForm form() const;
  const std::string& module() const;  ///< the module part, without `type:` and the like
  bool has_what() const;
  const std::string& what() const;  ///< the part after the separator; empty if there is none

  /// Whether it chooses (or with `!` takes away) this site of a module that its module part
  /// matches. Without a what: tags, outputs and attention; with `!` everything.
  bool matches_what(std::string_view what, SiteKind kind) const;
  /// Whether matches_what() can be true for any site of this kind.
  bool asks_for(SiteKind kind) const;
  /// Whether it was written for this kind alone: `*:output`.
  bool asks_only_for(SiteKind kind) const;
  /// Whether matches_what() can be true for a site of this op, `@softmax`: for what it gave (kOp)
  /// or took (kOpInput), all of it or some.
  bool may_match_op(std::string_view op, SiteKind kind) const;
  /// Whether it chooses ops by their place in a call: `@softmax[1]`.
  bool numbers_ops() const;

  struct Parts;
  const Parts& parts() const { return *parts_; }  ///< for BoundSelectors

 private:
  explicit Selector(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const Parts> parts_;
};

/// Several selectors. The order matters: one with `!` takes away from those before it.
class ANYCAPTURE_API SelectorList {
 public:
  SelectorList() = default;
  /// Throws `SelectorError` when one is malformed, or the first one has a `!`.
  explicit SelectorList(const std::vector<std::string>& texts);
  /// The texts of `Attention:attn;!blocks.0.*`; empty ones are left out. A `;` inside `re:/.../`
  /// does not split.
  static std::vector<std::string> split(std::string_view text);

  const std::vector<Selector>& selectors() const { return selectors_; }

 private:
  std::vector<Selector> selectors_;
};

/// What is done with a selector that matches no module.
enum class Unmatched { raise, allow };

/// Selectors against the modules of one model. Indexes are those of the vectors it was made from.
class ANYCAPTURE_API BoundSelectors {
 public:
  BoundSelectors() = default;
  /// Throws `SelectorError` when a selector without `!` matches no module, with the nearest paths
  /// and types, unless `unmatched` allows it.
  BoundSelectors(SelectorList list, const std::vector<ModuleName>& modules,
                 Unmatched unmatched = Unmatched::raise);

  const std::vector<Selector>& selectors() const { return list_.selectors(); }
  /// The modules that each selector matches, in the order of the model.
  const std::vector<std::vector<std::size_t>>& modules_of() const { return modules_of_; }
  const std::vector<std::size_t>& modules_of(std::size_t selector) const {
    return modules_of_[selector];
  }
  /// The selectors that match a module, in order; empty if none without `!` does.
  const std::vector<std::size_t>& selectors_of(std::size_t module) const {
    return selectors_of_[module];
  }

  /// The selector that chose a site; -1 if none did or a later `!` took it away.
  int chooses(std::size_t module, std::string_view what, SiteKind kind) const;
  /// Whether chooses() can give a selector for any site of this kind at the module.
  bool may_choose(std::size_t module, SiteKind kind) const;
  /// The same as chooses() for a site outside any module, key `fn:function:what`.
  int chooses_function(std::string_view function, std::string_view what) const;

 private:
  SelectorList list_;
  std::vector<std::vector<std::size_t>> modules_of_;
  std::vector<std::vector<std::size_t>> selectors_of_;
};

}  // namespace anycapture
