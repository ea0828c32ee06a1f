// SPDX-License-Identifier: MIT
#include "instrument/body.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "instrument/assignments.h"
#include "instrument/returns.h"

namespace anycapture {
namespace instrument {
namespace {

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool is_preprocessor(const Node& node) {
  return node.kind().substr(0, 8) == "preproc_";
}

std::string beginning(const Node& node) {
  std::string text(node.text().substr(0, node.text().find_first_of("\r\n")));
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

// Where a statement stands: among others, alone behind an `if` or `for`, or where no brace can go.
enum class Place { kBlock, kBranch, kOther };

Place place_of(const Node& statement) {
  const Node around = statement.parent();
  if (around.is("compound_statement")) return Place::kBlock;
  if (around.is("case_statement")) {
    return around.parent().is("compound_statement") ? Place::kBlock : Place::kOther;
  }
  if (is_preprocessor(around)) {
    return place_of(around) == Place::kBlock ? Place::kBlock : Place::kOther;
  }
  if (is_any_of(around.kind(), {"if_statement", "else_clause", "for_statement", "for_range_loop",
                                "while_statement", "do_statement"})) {
    return Place::kBranch;
  }
  return Place::kOther;
}

class Writer {
 public:
  Writer(const Function& function, const Declarations& declarations)
      : function_(function),
        declarations_(declarations),
        around_(declarations.find_class(function.class_name)) {
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
    const bool is_worth = !sites_.empty() || function_.has_class_parameter ||
                          is_any_of_returned({Returned::kTensor, Returned::kOther,
                                              Returned::kReference, Returned::kDeduced});
    if (!is_worth) return {};
    open();
    if (function_.returned == Returned::kNothing) {
      insert(function_.body.end() - 1, "anycapture_.returning(); ");
    }
    number();
    return std::move(result_);
  }

 private:
  // Where the text of a site will stand when it has a number.
  struct Site {
    std::size_t offset;
    std::size_t order;  // among the insertions
    std::string frame;
    Assigned assigned;
  };
  struct Piece {
    std::size_t offset;
    std::string text;
  };

  bool is_any_of_returned(std::initializer_list<Returned> kinds) const {
    return std::find(kinds.begin(), kinds.end(), function_.returned) != kinds.end();
  }

  void insert(std::size_t offset, std::string text) {
    result_.insertions.push_back({offset, std::move(text)});
  }

  // What it may assign has no final value then that can be told.
  void leave(const Node& node, std::string why) {
    lost_.merge(names_assigned_in(node));
    result_.left_alone.push_back({node.line(), function_.shown, beginning(node), std::move(why)});
  }

  // Values that a statement has given are named behind it.
  void add_sites(std::size_t offset, std::vector<Assigned> assigned) {
    for (Assigned& one : assigned) {
      sites_.push_back({offset, result_.insertions.size(), frame_, std::move(one)});
      insert(offset, "");
    }
  }

  void behind(const Node& statement, Assignments assignments) {
    if (!assignments.left_alone.empty()) {
      result_.left_alone.push_back({statement.line(), function_.shown, beginning(statement),
                                    std::move(assignments.left_alone)});
    }
    declare(assignments);
    if (assignments.all.empty()) return;
    Node whole = statement;
    while (whole.parent().is("labeled_statement")) whole = whole.parent();
    const Place place = place_of(whole);
    if (place == Place::kOther) {
      for (const Assigned& one : assignments.all) lost_.insert(one.name);
      return leave(statement, "it stands where no other statement can");
    }
    if (place == Place::kBranch) insert(whole.start(), "{ ");
    add_sites(statement.end(), std::move(assignments.all));
    if (place == Place::kBranch) insert(whole.end(), " }");
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
    if (is_any_of(node.kind(), {"if_statement", "for_statement", "for_range_loop",
                                "while_statement", "do_statement", "switch_statement",
                                "try_statement", "case_statement", "labeled_statement"}) ||
        is_preprocessor(node)) {
      return structure(node);
    }
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

  static bool is_body(const Node& node, const Node& around) {
    if (is_preprocessor(around)) return true;
    if (around.is("case_statement")) return !(node == around.child("value"));
    if (around.is("labeled_statement")) return !node.is("statement_identifier");
    if (around.is("try_statement")) return true;
    return node == around.child("body") || node == around.child("consequence") ||
           node == around.child("alternative");
  }

  // Statements that hold others: the head decides whether it is understood, and may declare.
  void structure(const Node& node) {
    for (const Node& part : node.tokens()) {
      if (is_body(part, node)) continue;
      if (!part.is_broken()) continue;
      broken_ = true;
      return leave(node, "its head is not understood");
    }
    std::optional<InnerScope> inner;
    if (!is_preprocessor(node)) inner.emplace(*this);
    const Assignments head = declared_in_head(node);
    declare(head);
    std::vector<Assigned> first = head.all;
    std::vector<Assigned> hidden = assigned_in_head(node);
    const auto is_of_head = [&](const Assigned& one) {
      return std::count(head.declared.begin(), head.declared.end(), one.name) != 0;
    };
    hidden.erase(std::remove_if(hidden.begin(), hidden.end(), is_of_head), hidden.end());
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
      for (const Assigned& one : hidden) lost_.insert(one.name);
    }
  }

  // `while ((x = next()).defined())`: x is looked at in the body, and behind it.
  std::vector<Assigned> assigned_in_head(const Node& node) {
    std::vector<Assigned> hidden;
    if (is_preprocessor(node) || node.is("switch_statement")) return hidden;
    for (const char* field : {"condition", "update", "right"}) {
      const Node part = node.child(field);
      if (!part || !hides_assignment(part)) continue;
      Assignments inside = assigned_inside(part, scope());
      if (!inside.left_alone.empty()) leave(part, inside.left_alone);
      for (Assigned& one : inside.all) hidden.push_back(std::move(one));
    }
    return hidden;
  }

  Assignments declared_in_head(const Node& node) {
    Assignments head;
    if (node.is("for_range_loop")) {
      head.declared = names_declared_by(node.child("declarator"));
      head.declares_numbers = is_plain_number(node.child("type"));
      if (head.declares_numbers) return head;
      for (const std::string& name : head.declared) {
        Assigned one{name, name, "loop variable"};
        one.line = node.line();
        head.all.push_back(std::move(one));
      }
      return head;
    }
    for (const char* field : {"initializer", "condition"}) {
      const Node part = node.child(field);
      if (!part || is_preprocessor(node)) continue;
      Node declaration = part;
      if (!declaration.is("declaration")) {
        for (const Node& inner : part.children()) {
          if (inner.is("init_statement")) declaration = inner.first_child();
          if (inner.is("declaration")) declaration = inner;
        }
      }
      if (declaration.is("declaration")) {
        head = assigned_by_declaration(declaration, scope());
        if (declaration == part.child("value")) condition_variable(declaration, head);
        if (node.is("switch_statement") && !head.all.empty()) {
          leave(declaration, "a variable in the head of a switch");
          head.all.clear();
        }
        for (Assigned& one : head.all) one.kind = "in a head";
      }
    }
    return head;
  }

  // `if (auto x = f())`: its parts stand in the declaration itself.
  static void condition_variable(const Node& declaration, Assignments& head) {
    const Node declarator = declaration.child("declarator");
    if (declarator.is("init_declarator") || is_plain_number(declaration.child("type"))) return;
    for (const std::string& name : names_declared_by(declarator)) {
      Assigned one{name, name, "in a head"};
      one.line = declarator.line();
      head.all.push_back(std::move(one));
    }
  }

  void with_head(const Node& body, const std::vector<Assigned>& head) {
    if (head.empty()) return statement(body);
    if (body.is("compound_statement")) {
      add_sites(body.start() + 1, head);
      return statement(body);
    }
    insert(body.start(), "{");
    add_sites(body.start(), head);
    insert(body.start(), " ");
    statement(body);
    insert(body.end(), " }");
  }

  void returned(const Node& node) {
    const Return how = how_to_return(node, function_, bindings());
    if (!how.left_alone.empty()) return leave(node, how.left_alone);
    if (how.insertions.empty()) return;
    const Place place = place_of(node);
    const bool braces = how.needs_braces && place != Place::kBlock;
    if (how.needs_braces && place == Place::kOther && !node.parent().is("labeled_statement"))
      return leave(node, "it stands where no other statement can");
    if (how.needs_braces && node.parent().is("labeled_statement"))
      return leave(node, "a return behind a label");
    if (braces) insert(node.start(), "{ ");
    for (const Insertion& one : how.insertions) insert(one.offset, one.text);
    if (braces) insert(node.end(), " }");
    if (how.names_value)
      result_.tagged.push_back({node.line(), function_.shown, "return", "return"});
  }

  // C++17 lets no lambda capture them.
  std::vector<std::string> bindings() const {
    std::vector<std::string> names;
    collect_bindings(function_.body, names);
    return names;
  }
  static void collect_bindings(const Node& node, std::vector<std::string>& names) {
    if (node.is("structured_binding_declarator")) {
      for (const Node& one : node.children()) names.emplace_back(one.text());
    }
    for (const Node& child : node.children()) collect_bindings(child, names);
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
      return lost_.merge(names_assigned_in(body));
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
    const std::size_t before = sites_.size();
    const std::size_t at = result_.insertions.size();
    insert(body.start() + 1, "");
    block(body);
    const bool is_worth =
        std::any_of(sites_.begin() + static_cast<std::ptrdiff_t>(before), sites_.end(),
                    [&](const Site& site) { return site.frame == frame_; });
    if (is_worth) {
      result_.insertions[at].text = fmt::format(
          " ::anycapture::detail::Locals {}(::anycapture::detail::InLambda(), \"{}\", {}u);",
          frame_, function_.name, function_.body.start());
    }
    frame_ = frame;
  }

  // Its text may be made a string, or stand twice.
  static bool is_macro_argument(const Node& node) {
    for (Node at = node.parent(); at && !at.is("compound_statement"); at = at.parent()) {
      if (!at.is("call_expression")) continue;
      const std::string_view name = last_name(at.child("function")).text();
      if (name.size() > 2 && std::none_of(name.begin(), name.end(),
                                          [](unsigned char c) { return std::islower(c) != 0; })) {
        return true;
      }
    }
    return false;
  }

  void open() {
    std::vector<std::string> arguments;
    std::string names;
    for (const std::string& name : function_.parameters) {
      const bool pack = !name.empty() && name.back() == '.';
      if (!arguments.empty()) names += ",";
      if (lost_.count(name) == 0) names += name;
      arguments.push_back(name.empty() ? "::anycapture::detail::Unnamed()" : name);
      if (!name.empty() && !pack && function_.has_class_parameter) {
        result_.tagged.push_back({function_.definition.line(), function_.shown, name, "parameter"});
      }
    }
    std::string text =
        fmt::format(" ::anycapture::detail::Locals {}({}\"{}\", {}u", kFrame,
                    function_.has_this ? "this, " : "", function_.name, function_.body.start());
    if (!arguments.empty()) text += fmt::format(", \"{}\", {}", names, fmt::join(arguments, ", "));
    result_.insertions.insert(result_.insertions.begin(),
                              {function_.body.start() + 1, text + ");"});
    for (Site& site : sites_) ++site.order;
  }

  // Assignments count in the order of the source; those that perhaps are none come last.
  void number() {
    std::stable_sort(sites_.begin(), sites_.end(),
                     [](const Site& a, const Site& b) { return a.offset < b.offset; });
    std::map<std::string, int> next;
    for (const bool perhaps : {false, true}) {
      for (Site& site : sites_) {
        const Assigned& one = site.assigned;
        if (one.perhaps != perhaps) continue;
        const int number = next[one.name]++;
        const std::string value =
            one.owner.empty() ? fmt::format("\"{}\", {}, {}", one.name, number, one.expression)
                              : fmt::format("\"{}\", {}, {}, \"{}\", {}", one.owner, number,
                                            one.owner_expression, one.name, one.expression);
        const bool lost = lost_.count(one.owner.empty() ? one.name : one.owner) != 0;
        if (lost && (one.perhaps || !one.owner.empty())) continue;
        const std::string verb = std::string(one.perhaps ? "touch"
                                             : lost      ? "step"
                                                         : "set") +
                                 (one.owner.empty() ? "" : "_field");
        result_.insertions[site.order].text = fmt::format(" {}.{}({});", site.frame, verb, value);
        result_.tagged.push_back({one.line, function_.shown,
                                  fmt::format("{}[{}]", one.name, number),
                                  one.perhaps ? std::string(one.kind) + ", if changed" : one.kind});
      }
    }
    std::stable_sort(result_.tagged.begin(), result_.tagged.end(),
                     [](const Tagged& a, const Tagged& b) { return a.line < b.line; });
  }

  static constexpr const char* kFrame = "anycapture_";

  const Function& function_;
  const Declarations& declarations_;
  const DeclaredClass* around_;
  std::vector<std::string> variables_;
  std::set<std::string> numbers_;
  std::set<std::string> lost_;  // may be assigned where nothing tells
  std::vector<Site> sites_;
  std::string frame_ = kFrame;  // in whose scope the walk is: the function's, or a lambda's
  int lambdas_ = 0;
  bool broken_ = false;  // a statement was not understood: what follows may belong to it
  const char* abandoned_ = nullptr;
  Rewriting result_;
};

}  // namespace

Rewriting rewrite(const Function& function, const Declarations& declarations) {
  return Writer(function, declarations).write();
}

}  // namespace instrument
}  // namespace anycapture
