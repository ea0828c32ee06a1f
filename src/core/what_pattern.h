// SPDX-License-Identifier: MIT
// The what of a selector: names of tags and locals, or one of the taken names.
#pragma once

#include <anycapture/selector.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/glob.h"

namespace anycapture {

/// How much of an op's registered name, `aten::_softmax`, is written.
enum class OpSpelling : char { kPlain, kUnderscores, kNamespace };

/// One of the texts that a what's braces spell out.
class WhatPattern {
 public:
  /// `place` says where the what stands. Throws SelectorError.
  static std::vector<WhatPattern> parse(std::string_view what, PatternPlace place);

  bool matches(std::string_view what, SiteKind kind) const;
  /// For sites outside any module, which have no kind.
  bool matches_name(std::string_view what) const;
  bool asks_for(SiteKind kind) const;
  /// `op`: `@softmax`, without fields and number.
  bool may_match_op(std::string_view op, SiteKind kind) const;
  /// kTag stands for names, of tags and locals alike.
  SiteKind kind() const { return kind_; }
  bool numbers_ops() const { return is_op() && !index_.empty(); }

 private:
  WhatPattern(std::string_view text, PatternPlace place);
  bool is_op() const { return kind_ == SiteKind::kOp || kind_ == SiteKind::kOpInput; }

  SiteKind kind_ = SiteKind::kTag;
  OpSpelling spelling_ = OpSpelling::kPlain;
  std::string index_;     // `0`, `*`; empty for the final value
  bool dotted_ = false;   // names a function, or a field
  bool forward_ = false;  // names the function `forward`
  Glob stem_;             // without index
  Glob op_;               // of an op: its name alone
};

/// Whether an op's what, `@softmax.0`, spells neither a namespace nor underscores around the name.
ANYCAPTURE_API bool is_plain_op(std::string_view what);

/// A glob over keys, `path:what`: `*.attn:attn[*]`. Without a `:` over the whole key.
class ANYCAPTURE_API KeyGlob {
 public:
  /// Throws SelectorError.
  explicit KeyGlob(std::string_view text);
  bool matches(std::string_view key) const;

 private:
  std::vector<Glob> globs_;  // of the path, of the what; or of the whole key
  std::string index_;
};

/// Throws SelectorError when what follows a `:` starts with a space.
void check_no_space(std::string_view text, PatternPlace place);

/// Offset of the `:` that parts module and what: the last one that is no part of a `::`; npos if
/// there is none.
ANYCAPTURE_API std::size_t find_separator(std::string_view text);

}  // namespace anycapture
