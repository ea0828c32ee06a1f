// SPDX-License-Identifier: MIT
#include "instrument/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace anycapture {
namespace instrument {
namespace {

bool is_class(const Node& node) {
  return node.is("struct_specifier") || node.is("class_specifier") || node.is("union_specifier");
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_macro_name(std::string_view name) {
  const auto upper = [](char c) { return std::islower(static_cast<unsigned char>(c)) == 0; };
  return name.size() > 2 && std::all_of(name.begin(), name.end(), upper) && name != "main";
}

bool names_tensor(std::string_view type) {
  for (std::size_t at = type.find("Tensor"); at != std::string_view::npos;
       at = type.find("Tensor", at + 1)) {
    const std::size_t end = at + 6;
    if ((at == 0 || !is_word(type[at - 1])) && (end == type.size() || !is_word(type[end])))
      return true;
  }
  return false;
}

bool is_number(std::string_view type) {
  constexpr std::string_view kNumbers[] = {"bool",         "char",          "int",
                                           "unsigned",     "long",          "short",
                                           "float",        "double",        "size_t",
                                           "int8_t",       "int16_t",       "int32_t",
                                           "int64_t",      "uint8_t",       "uint16_t",
                                           "uint32_t",     "uint64_t",      "std::size_t",
                                           "std::string",  "string",        "std::string_view",
                                           "std::int64_t", "std::ostream",  "torch::Device",
                                           "torch::Dtype", "at::ScalarType"};
  return std::find(std::begin(kNumbers), std::end(kNumbers), type) != std::end(kNumbers);
}

// The class whose body a definition stands in; empty for a friend, or outside.
Node class_around(const Node& definition) {
  for (Node at = definition.parent(); at; at = at.parent()) {
    if (is_class(at)) return at;
    if (at.is("friend_declaration") || at.is("compound_statement") ||
        at.is("namespace_definition")) {
      return {};
    }
  }
  return {};
}

// A statement, to the grammar, of which the beginning is a macro's, may have lost its `static`.
bool follows_error(const Node& definition) {
  Node before;
  for (const Node& one : definition.parent().children()) {
    if (one == definition) break;
    before = one;
  }
  return before &&
         (before.is("ERROR") || (before.is_broken() && before.end() <= definition.start() &&
                                 before.line() == definition.line()));
}

bool is_function_name(const Node& name) {
  const Node last = last_name(name);
  constexpr std::string_view kKinds[] = {"identifier", "field_identifier", "operator_name",
                                         "destructor_name"};
  return std::find(std::begin(kKinds), std::end(kKinds), last.kind()) != std::end(kKinds);
}

class Reader {
 public:
  Reader(const Node& definition, const Declarations& declarations)
      : definition_(definition), declarations_(declarations) {}

  Function read() {
    function_.definition = definition_;
    function_.body = definition_.child("body");
    const Node outer = definition_.child("declarator");
    const Node declarator = function_declarator_of(outer);
    if (!function_.body.is("compound_statement") || !declarator) {
      function_.shown = std::string(outer.text().substr(0, outer.text().find_first_of("({\n")));
      if (definition_.holds("try_statement") && !function_.body) {
        function_.left_alone = "its body is a function-try-block";
      } else {
        function_.left_alone = "an operator or a declarator that is not understood";
        function_.is_expected = outer.is("operator_cast");
      }
      return std::move(function_);
    }
    declarator_ = declarator;
    if (!is_function_name(declarator.child("declarator"))) {
      function_.shown = std::string(declarator.text());
      function_.left_alone = "its declarator is not understood";
      return std::move(function_);
    }
    name();
    parameters();
    returned(outer);
    function_.is_expected = !function_.left_alone.empty() && !is_lost_;
    if (function_.left_alone.empty()) {
      function_.left_alone = problem();
      function_.is_expected = function_.returned == Returned::kNoTensor;
    }
    return std::move(function_);
  }

 private:
  void name() {
    const Node full = declarator_.child("declarator");
    const Node last = last_name(full);
    function_.name = std::string(last.text());
    function_.shown = std::string(full.text());
    const Node scope = scope_before_last(full);
    const Node around = class_around(definition_);
    if (scope) {
      find_scope(scope.text());
    } else if (around) {
      function_.class_name = std::string(last_name(around.child("name")).text());
      function_.shown =
          function_.class_name + (function_.class_name.empty() ? "" : "::") + function_.name;
      function_.has_this = !has_specifier(definition_, "static");
    }
    if (last.is("operator_name") && last.text() != "operator()") {
      function_.left_alone = "an operator";
    } else if (last.is("destructor_name")) {
      function_.left_alone = "a destructor";
    } else if (!definition_.child("type")) {
      if (function_.name == function_.class_name || scope.text() == function_.name) {
        function_.left_alone = "a constructor: its module has no place in a model yet";
      } else if (is_macro_name(function_.name)) {
        function_.left_alone = "a macro";
      }
    }
  }

  void find_scope(std::string_view scope) {
    const DeclaredClass* known = declarations_.find_class(scope);
    if (function_.name == scope) return;
    if (known == nullptr) {
      if (declarations_.is_namespace(scope)) return;
      is_lost_ = true;
      function_.left_alone = fmt::format(
          "{} is declared neither here nor in a header that was found: give its folder to the "
          "target's include directories",
          scope);
      return;
    }
    function_.class_name = std::string(scope);
    const auto method = known->methods.find(function_.name);
    if (method == known->methods.end() || method->second.size() != 1) {
      is_lost_ = true;
      function_.left_alone = fmt::format(
          "{} declares {} {}", scope, function_.name,
          method == known->methods.end() ? "by a macro, or not at all" : "both static and not");
      return;
    }
    function_.has_this = *method->second.begin() == false;
  }

  void parameters() {
    for (const Node& parameter : declarator_.child("parameters").children()) {
      const Node name = declared_name(parameter.child("declarator"));
      const bool pack = parameter.is("variadic_parameter_declaration");
      function_.parameters.push_back(std::string(name.text()) + (pack && name ? "..." : ""));
      const bool pointer = parameter.child("declarator").is("pointer_declarator");
      if (!pointer && !is_number(parameter.child("type").text()) &&
          !parameter.child("type").is("primitive_type")) {
        function_.has_class_parameter = true;
      }
    }
  }

  void returned(const Node& outer) {
    std::string type(definition_.child("type").text());
    Node trailing;
    for (const Node& part : declarator_.children()) {
      if (part.is("trailing_return_type")) trailing = part;
    }
    bool reference = outer.is("reference_declarator"), pointer = outer.is("pointer_declarator");
    if (trailing) {
      const Node descriptor = trailing.first_child();
      const Node abstract = descriptor.child("declarator");
      type = std::string(descriptor.child("type").text());
      if (type.empty()) type = std::string(descriptor.text());
      reference = abstract.is("abstract_reference_declarator");
      pointer = abstract.is("abstract_pointer_declarator");
    }
    function_.return_type = type;
    function_.returned = returned(type, reference, pointer);
  }

  static Returned returned(std::string_view type, bool reference, bool pointer) {
    if (type.find("decltype") != std::string_view::npos || type.empty()) return Returned::kUnknown;
    if (pointer) return Returned::kNoTensor;
    if (reference) return Returned::kReference;
    if (type == "auto") return Returned::kDeduced;
    if (type == "void") return Returned::kNothing;
    if (is_number(type)) return Returned::kNoTensor;
    return names_tensor(type) ? Returned::kTensor : Returned::kOther;
  }

  std::string problem() const {
    if (follows_error(definition_)) return "what stands before it is not understood";
    for (const Node& part : definition_.tokens()) {
      if (!(part == function_.body) && part.is_broken()) return "its head is not understood";
    }
    if (has_specifier(definition_, "constexpr") || has_specifier(definition_, "consteval"))
      return "it is constexpr";
    for (const Node& part : declarator_.children()) {
      if (part.is("noexcept") && part.text() != "noexcept(false)")
        return "it is noexcept: a session that throws would end the program";
    }
    if (function_.body.holds("co_await_expression") ||
        function_.body.holds("co_return_statement") || function_.body.holds("co_yield_statement")) {
      return "it is a coroutine";
    }
    if (function_.name == "reset" || function_.name == "pretty_print" || function_.name == "clone")
      return "it is called while its module is made, copied or printed";
    return {};
  }

  Node definition_;
  const Declarations& declarations_;
  Node declarator_;
  Function function_;
  bool is_lost_ = false;  // its class is not known
};

void find(const Node& node, bool in_body, const Declarations& declarations,
          std::vector<Function>& found) {
  bool inside = in_body;
  if (node.is("function_definition")) {
    const bool defined = node.child("body") || node.holds("try_statement");
    // In a body it is a macro with a block behind it.
    if (!in_body && defined) found.push_back(Reader(node, declarations).read());
    inside = true;
  } else if (is_class(node)) {
    inside = false;
  } else if (node.is("lambda_expression")) {
    inside = true;
  }
  for (const Node& child : node.children()) find(child, inside, declarations, found);
}

}  // namespace

std::vector<Function> functions_of(const Tree& tree, const Declarations& declarations) {
  std::vector<Function> found;
  find(tree.root(), false, declarations, found);
  return found;
}

}  // namespace instrument
}  // namespace anycapture
