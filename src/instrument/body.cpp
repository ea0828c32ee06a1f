// SPDX-License-Identifier: MIT
#include "instrument/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "instrument/assignments.h"
#include "instrument/draft.h"
#include "instrument/heads.h"
#include "instrument/places.h"
#include "instrument/returns.h"

namespace anycapture {
namespace instrument {
namespace {

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Walks through the statements of a function.
class Writer {
 public:
  Writer(const Function& function, const Declarations& declarations)
      : function_(function),
        declarations_(declarations),
        around_(declarations.find_class(function.class_name)),
        draft_(function) {
    for (const std::string& name : function.parameters) {
      if (!name.empty()) variables_.push_back(name);
    }
  }

  Rewriting write() {
    block(function_.body);
    if (abandoned_) {
      Rewriting nothing;
      nothing.left_alone.push_back({function_.definition.line(), function_.shown, "", abandoned_});
      return nothing;
    }
    if (draft_.is_empty() && !function_.has_class_parameter && !returns_tensors()) return {};
    draft_.open();
    if (function_.returned == Returned::kNothing) {
      draft_.insert(function_.body.end() - 1, "anycapture_.returning(); ");
    }
    return draft_.finish();
  }

 private:
  // Or what may hold some.
  bool returns_tensors() const {
    return function_.returned == Returned::kTensor || function_.returned == Returned::kOther ||
           function_.returned == Returned::kReference || function_.returned == Returned::kDeduced;
  }

  void leave(const Node& node, std::string why) { draft_.leave(node, std::move(why)); }
  void add_sites(std::size_t offset, std::vector<Assigned> assigned) {
    draft_.add_sites(offset, frame_, std::move(assigned));
  }

  void behind(const Node& statement, Assignments assignments) {
    if (!assignments.left_alone.empty()) {
      draft_.note_left_alone(statement, std::move(assignments.left_alone));
    }
    declare(assignments);
    if (assignments.all.empty()) return;
    Node whole = statement;
    while (whole.parent().is("labeled_statement")) whole = whole.parent();
    const Place place = place_of(whole);
    if (place == Place::kOther) {
      for (const Assigned& one : assignments.all) draft_.lose(one.name);
      return leave(statement, "it stands where no other statement can");
    }
    if (place == Place::kBranch) draft_.insert(whole.start(), "{ ");
    add_sites(statement.end(), std::move(assignments.all));
    if (place == Place::kBranch) draft_.insert(whole.end(), " }");
  }

  Scope scope() const { return {declarations_, variables_, numbers_, around_}; }

  void declare(const Assignments& assignments) {
    for (const std::string& name : assignments.declared) {
      variables_.push_back(name);
      if (assignments.declares_numbers) {
        numbers_.insert(name);
      } else {
        numbers_.erase(name);
      }
    }
  }

  // Forgets at its end what was declared since.
  class InnerScope {
   public:
    explicit InnerScope(Writer& writer)
        : writer_(writer), variables_(writer.variables_), numbers_(writer.numbers_) {}
    InnerScope(const InnerScope&) = delete;
    InnerScope& operator=(const InnerScope&) = delete;
    ~InnerScope() {
      writer_.variables_ = std::move(variables_);
      writer_.numbers_ = std::move(numbers_);
    }

   private:
    Writer& writer_;
    std::vector<std::string> variables_;
    std::set<std::string> numbers_;
  };

  void block(const Node& node) {
    const InnerScope inner(*this);
    bool skip = false;
    for (const Node& one : node.children()) {
      if (one.is("ERROR")) {
        abandoned_ = "its text is not understood";
        return;
      }
      if (skip) {
        skip = false;
        leave(one, "what stands before it is not understood");
        continue;
      }
      statement(one);
      skip = std::exchange(broken_, false);
    }
  }

  void statement(const Node& node) {
    if (!node || abandoned_) return;
    if (node.is("compound_statement")) return block(node);
    if (is_structure(node)) return structure(node);
    if (node.is("attributed_statement")) return statement(node.children().back());
    if (node.is_broken()) {
      broken_ = true;
      return leave(node, "its text is not understood");
    }
    if (node.is("expression_statement")) {
      behind(node, assigned_by_expression(node.first_child(), scope()));
      lambdas(node);
    } else if (node.is("declaration")) {
      // A lambda sees what comes before it.
      lambdas(node);
      behind(node, assigned_by_declaration(node, scope()));
    } else if (node.is("return_statement")) {
      if (frame_ == kFrame) returned(node);
      if (hides_assignment(node)) leave(node, "an assignment in a return");
    } else if (node.is("function_definition")) {
      leave(node, "a macro with a block behind it");
    }
  }

  // The head decides whether it is understood, and may declare.
  void structure(const Node& node) {
    for (const Node& part : node.tokens()) {
      if (is_body(part, node) || !part.is_broken()) continue;
      broken_ = true;
      return leave(node, "its head is not understood");
    }
    std::optional<InnerScope> inner;
    if (!is_preprocessor(node)) inner.emplace(*this);
    const Head head = declared_in_head(node, scope());
    for (const auto& [part, why] : head.left_alone) leave(part, why);
    declare(head.declared);
    const std::vector<Assigned> hidden = hidden_in_head(node, head.declared.declared);
    std::vector<Assigned> first = head.declared.all;
    first.insert(first.end(), hidden.begin(), hidden.end());
    for (const Node& part : node.children()) {
      if (!is_body(part, node)) continue;
      if (part.is("catch_clause")) {
        statement(part.child("body"));
      } else if (part.is("else_clause")) {
        with_head(part.children().back(), first);
      } else if (node.is("switch_statement")) {
        statement(part);
      } else {
        with_head(part, first);
      }
    }
    if (!hidden.empty() && place_of(node) == Place::kBlock) {
      add_sites(node.end(), hidden);
    } else {
      for (const Assigned& one : hidden) draft_.lose(one.name);
    }
  }

  // Assigned in a head that does not declare it.
  std::vector<Assigned> hidden_in_head(const Node& node, const std::vector<std::string>& declared) {
    HeadAssignments hidden = assigned_in_head(node, scope());
    for (const auto& [part, why] : hidden.left_alone) leave(part, why);
    const auto is_of_head = [&](const Assigned& one) {
      return std::count(declared.begin(), declared.end(), one.name) != 0;
    };
    hidden.all.erase(std::remove_if(hidden.all.begin(), hidden.all.end(), is_of_head),
                     hidden.all.end());
    return std::move(hidden.all);
  }

  void with_head(const Node& body, const std::vector<Assigned>& head) {
    if (head.empty()) return statement(body);
    if (body.is("compound_statement")) {
      add_sites(body.start() + 1, head);
      return statement(body);
    }
    draft_.insert(body.start(), "{");
    add_sites(body.start(), head);
    draft_.insert(body.start(), " ");
    statement(body);
    draft_.insert(body.end(), " }");
  }

  void returned(const Node& node) {
    const Return how = how_to_return(node, function_);
    if (!how.left_alone.empty()) return leave(node, how.left_alone);
    if (how.insertions.empty()) return;
    const Place place = place_of(node);
    const bool braces = how.needs_braces && place != Place::kBlock;
    if (how.needs_braces && place == Place::kOther && !node.parent().is("labeled_statement"))
      return leave(node, "it stands where no other statement can");
    if (how.needs_braces && node.parent().is("labeled_statement"))
      return leave(node, "a return behind a label");
    if (braces) draft_.insert(node.start(), "{ ");
    for (const Insertion& one : how.insertions) draft_.insert(one.offset, one.text);
    if (braces) draft_.insert(node.end(), " }");
    if (how.names_value) draft_.add_tagged(node.line(), "return", "return");
  }

  // The bodies of lambdas in a statement, as parts of this function.
  void lambdas(const Node& node) {
    if (node.is("lambda_expression")) return lambda(node);
    if (is_any_of(node.kind(), {"template_argument_list", "decltype", "sizeof_expression",
                                "class_specifier", "struct_specifier", "noexcept"})) {
      return;
    }
    if (has_specifier(node, "constexpr")) return;
    for (const Node& child : node.children()) lambdas(child);
  }

  void lambda(const Node& node) {
    const Node body = node.child("body");
    for (const Node& part : node.child("declarator").tokens()) {
      if (!is_any_of(part.text(), {"constexpr", "consteval"}) && !part.is("noexcept")) continue;
      return draft_.lose_assigned_in(body);
    }
    if (is_macro_argument(node) || body.holds("co_await_expression") ||
        body.holds("co_return_statement") || body.holds("co_yield_statement")) {
      if (hides_assignment(body) || body.holds("init_declarator"))
        leave(body, "a lambda in a macro, or one that is a coroutine");
      return;
    }
    const InnerScope inner(*this);
    for (const Node& one : node.child("declarator").child("parameters").children()) {
      for (const std::string& name : names_declared_by(one.child("declarator")))
        variables_.push_back(name);
    }
    const std::string frame = std::exchange(frame_, fmt::format("{}{}", kFrame, ++lambdas_));
    const std::size_t opening = draft_.reserve(body.start() + 1);
    block(body);
    if (draft_.has_site_in(frame_)) {
      draft_.fill(opening, fmt::format(" ::anycapture::detail::Locals {}(::anycapture::detail::"
                                       "InLambda(), \"{}\", {}u);",
                                       frame_, function_.name, function_.body.start()));
    }
    frame_ = frame;
  }

  const Function& function_;
  const Declarations& declarations_;
  const DeclaredClass* around_;
  Draft draft_;
  std::vector<std::string> variables_;
  std::set<std::string> numbers_;
  std::string frame_ = kFrame;  // in whose scope the walk is: the function's, or a lambda's
  int lambdas_ = 0;
  bool broken_ = false;  // a statement was not understood: what follows may belong to it
  const char* abandoned_ = nullptr;
};

}  // namespace

Rewriting rewrite(const Function& function, const Declarations& declarations) {
  return Writer(function, declarations).write();
}

}  // namespace instrument
}  // namespace anycapture
