// SPDX-License-Identifier: MIT
#include "script/locals.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

#include "script/source_text.h"

namespace anycapture {
namespace script {
namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

std::string without_digits(std::string name) {
  while (!name.empty() && is_digit(name.back())) name.pop_back();
  return name;
}

// `attn0` of `attn0.1`; empty where the value has no name of its own.
std::string name_of(const Value& value) {
  if (!value.hasDebugName()) return "";
  const std::string name = value.debugName();
  const std::string base = name.substr(0, name.find('.'));
  const bool made_up = base.empty() || is_digit(base[0]) || without_digits(base) == "_";
  return made_up ? "" : base;
}

// Values that stand for one of two branches, or of a loop, are assigned inside of them.
bool is_merge(const Node& node, const SourcePlace& place) {
  if (node.kind() != torch::jit::prim::If && node.kind() != torch::jit::prim::Loop) return false;
  const Statement* statement = place.get();
  return statement == nullptr || !statement->keyword.empty() || statement->targets.empty();
}

bool is_unpack(const Node& node) {
  return node.kind() == torch::jit::prim::ListUnpack ||
         node.kind() == torch::jit::prim::TupleUnpack;
}

// In place of the statement that a block belongs to.
constexpr int kBody = -1;  // the function's own block
constexpr int kNone = -2;  // it has none: an `if` without `else`

class Finder {
 public:
  explicit Finder(Graph& graph) : graph_(graph) {}

  std::vector<Assignment> find() {
    for (Value* input : graph_.inputs()) {
      const std::string name = without_suffix(name_of(*input));
      if (!name.empty()) latest_[name] = input;
    }
    find_texts(*graph_.block());
    inlined_ = texts_seen_.size() > 1;
    if (texts_seen_.size() == 1) text_ = *texts_seen_.begin();
    walk(*graph_.block(), false, kBody);
    return std::move(found_);
  }

 private:
  // The texts of functions: one, unless the archive was frozen, which inlines all calls.
  void find_texts(const Block& block) {
    for (const Node* node : block.nodes()) {
      const SourcePlace place = texts_.place_of(*node);
      if (place.text != nullptr && place.text->statements.front().keyword == "def") {
        texts_seen_.insert(place.text);
      }
      for (const Block* inner : node->blocks()) find_texts(*inner);
    }
  }

  void walk(Block& block, bool nested, int header) {
    int last = header;  // the statement that was passed last
    for (Node* node : block.nodes()) {
      if (node->kind() == torch::jit::prim::Constant) continue;
      SourcePlace place = texts_.place_of(*node);
      if (is_unpack(*node) && place.get() == nullptr)
        place = texts_.place_of(*node->input()->node());
      const bool ours = place.text != nullptr && place.text == text_ && place.statement >= 0;
      if (ours && place.statement != last) {
        pass_aliases(last, place.statement, header, node, nested);
        last = place.statement;
      }
      if (!is_merge(*node, place)) assign(*node, place, nested);
      follow_attribute(*node);
      walk_blocks(*node, place);
      if (is_merge(*node, place)) merge(*node);
    }
    const int end = text_ == nullptr ? -1 : static_cast<int>(text_->statements.size());
    pass_aliases(last, end, header, block.return_node(), nested);
  }

  void walk_blocks(Node& node, const SourcePlace& place) {
    const auto blocks = node.blocks();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      int header = text_ != nullptr && place.text == text_ ? place.statement : kNone;
      if (i == 1 && header >= 0) {
        const int otherwise = text_->otherwise(header);
        header = otherwise < 0 ? kNone : otherwise;
      }
      const auto before = latest_;
      const int outer =
          std::exchange(expression_, is_merge(node, place) ? expression_ : place.statement);
      walk(*blocks[i], true, header);
      expression_ = outer;
      latest_ = before;
    }
  }

  // `mask = self.mask` is an alias too: of what was read from the module last.
  void follow_attribute(Node& node) {
    const bool reads = node.kind() == torch::jit::prim::GetAttr;
    if (!reads && node.kind() != torch::jit::prim::SetAttr) return;
    if (graph_.inputs().empty() || node.input(0) != graph_.inputs()[0]) return;
    const std::string name = "self." + node.s(torch::jit::attr::name);
    if (reads) {
      latest_[name] = node.output();
    } else {
      latest_.erase(name);
    }
  }

  // After a branch a name stands for the merged value.
  void merge(Node& node) {
    for (Value* output : node.outputs()) {
      const std::string name = without_suffix(name_of(*output));
      if (!name.empty()) latest_[name] = output;
    }
  }

  // `shortcut = x` leaves no node: it stands between those of two other statements.
  void pass_aliases(int from, int to, int header, Node* before, bool nested) {
    if (text_ == nullptr || header == kNone || to < from) return;
    for (int i = std::max(0, from + 1); i < to; ++i) {
      const Statement& statement = text_->at(i);
      if (statement.alias.empty() || !text_->stands_in(i, header)) continue;
      const auto value = latest_.find(statement.alias);
      if (value == latest_.end() || !holds_tensors(*value->second->type())) continue;
      for (const auto& names : statement.targets) {
        if (names.size() == 1 && !names[0].empty()) {
          add(names[0], value->second, before, nested, i);
        }
      }
    }
  }

  void assign(Node& node, const SourcePlace& place, bool nested) {
    if (node.kind() == torch::jit::prim::GetAttr ||
        node.kind() == torch::jit::prim::unchecked_cast ||
        (place.statement >= 0 && place.statement == expression_)) {
      return;
    }
    for (std::size_t i = 0; i < node.outputs().size(); ++i) {
      Value* value = node.output(i);
      if (!holds_tensors(*value->type())) continue;
      std::set<std::string> names = names_by_statement(node, *value, i, place);
      const std::string own = own_name(*value, names);
      if (!own.empty()) names.insert(own);
      for (const std::string& name : names)
        add(name, value, node.next(), nested, place.statement, &place);
    }
    assign_tuple(node, place, nested);
  }

  // `spread = torch.var_mean(x)`: where nothing takes both results, the archive has no tuple of
  // them.
  void assign_tuple(Node& node, const SourcePlace& place, bool nested) {
    const Statement* statement = place.get();
    if (node.outputs().size() < 2 || is_unpack(node) || !node.blocks().empty()) return;
    if (statement == nullptr || (place.text != text_ && !inlined_) || !statement->ends_in_call ||
        statement->targets.size() != 1 || statement->targets[0].size() != 1) {
      return;
    }
    const std::string& name = statement->targets[0][0];
    const bool is_whole =
        std::all_of(node.outputs().begin(), node.outputs().end(), [&](const Value* value) {
          return without_suffix(name_of(*value)) != name && ends_statement(*value, place);
        });
    if (name.empty() || !is_whole || has_tuple_of(node, name)) return;
    Node* tuple = graph_.createTuple(node.outputs())->insertAfter(&node);
    add(name, tuple->output(), tuple->next(), nested, place.statement, &place);
  }

  bool has_tuple_of(const Node& node, const std::string& name) const {
    const auto& uses = node.output(0)->uses();
    return std::any_of(uses.begin(), uses.end(), [&](const torch::jit::Use& use) {
      return use.user->kind() == torch::jit::prim::TupleConstruct &&
             without_suffix(name_of(*use.user->output())) == name;
    });
  }

  // By the text: the value that its statement ends in. Where nothing reads that, the archive may
  // have kept a call from the middle of the statement.
  std::set<std::string> names_by_statement(const Node& node, const Value& value, std::size_t output,
                                           const SourcePlace& place) {
    std::set<std::string> names;
    const Statement* statement = place.get();
    if (statement == nullptr || (place.text != text_ && !inlined_)) return names;
    for (const std::vector<std::string>& targets : statement->targets) {
      if (is_unpack(node) || node.outputs().size() > 1) {
        if (targets.size() == node.outputs().size() && !targets[output].empty()) {
          names.insert(targets[output]);
        }
      } else if (targets.size() == 1 && !targets[0].empty() &&
                 ((!value.uses().empty() && ends_statement(value, place)) ||
                  without_suffix(name_of(value)) == targets[0])) {
        names.insert(targets[0]);
      }
    }
    return names;
  }

  bool ends_statement(const Value& value, const SourcePlace& place) {
    return std::none_of(value.uses().begin(), value.uses().end(), [&](const torch::jit::Use& use) {
      if (use.user->kind() == torch::jit::prim::Return) return false;
      const SourcePlace user = texts_.place_of(*use.user);
      if (user.get() != nullptr)
        return user.text == place.text && user.statement == place.statement;
      // What has no place of its own, such as a list, belongs to what it is used in.
      return use.user->outputs().size() == 1 && name_of(*use.user->output()).empty() &&
             !is_unpack(*use.user) && !ends_statement(*use.user->output(), place);
    });
  }

  // The name that the archive gave a value, unless the text says it already.
  std::string own_name(const Value& value, const std::set<std::string>& known) {
    const std::string base = name_of(value);
    if (base.empty()) return "";
    const std::string name = without_suffix(base);
    if (known.count(base) != 0 || known.count(name) != 0) return "";
    return is_alias_of(name, known) ? "" : name;
  }

  // `x = masked` comes by itself.
  bool is_alias_of(const std::string& name, const std::set<std::string>& known) const {
    if (text_ == nullptr) return false;
    return std::any_of(
        text_->statements.begin(), text_->statements.end(),
        [&](const Statement& one) { return known.count(one.alias) != 0 && one.assigns(name); });
  }

  // A name that was taken got a number: it counts where the text has no such name.
  std::string without_suffix(const std::string& base) const {
    const std::string bare = without_digits(base);
    if (bare.empty()) return base;
    if (text_ == nullptr) return bare;
    return text_->assigns(base) && !text_->assigns(bare) ? base : bare;
  }

  void add(const std::string& name, Value* value, Node* before, bool nested, int statement,
           const SourcePlace* place = nullptr) {
    Assignment made;
    made.name = name;
    made.value = value;
    made.before = before;
    made.nested = nested;
    made.index = index_of(name, statement);
    if (place != nullptr) {
      made.line = place->line;
      made.file = place->file;
      made.traced = place->traced;
    } else {
      made.line = text_->first_line + text_->at(statement).line;
      made.file = text_->file;
    }
    latest_[name] = value;
    found_.push_back(std::move(made));
  }

  // By the text, where its statement is known; else the next one.
  std::size_t index_of(const std::string& name, int statement) {
    std::size_t& next = next_index_[name];
    if (text_ != nullptr && statement >= 0) {
      const std::size_t index = text_->assignments_before(statement, name);
      if (text_->at(statement).assigns(name)) {
        next = std::max(next, index + 1);
        return index;
      }
    }
    return next++;
  }

  Graph& graph_;
  SourceTexts texts_;
  std::set<const SourceText*> texts_seen_;
  const SourceText* text_ = nullptr;  // of the function, if there is one
  bool inlined_ = false;              // there are several
  int expression_ = -1;  // the statement whose `a if b else c` has the block that is walked
  std::map<std::string, Value*> latest_;  // what each name stands for
  std::map<std::string, std::size_t> next_index_;
  std::vector<Assignment> found_;
};

}  // namespace

bool holds_tensors(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
    case c10::TypeKind::AnyType:
      return true;
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::ListType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::UnionType: {
      const auto inner = type.containedTypes();
      return std::any_of(inner.begin(), inner.end(),
                         [](const c10::TypePtr& one) { return holds_tensors(*one); });
    }
    case c10::TypeKind::DictType:
      return holds_tensors(*type.containedTypes()[1]);
    default:
      return false;
  }
}

std::vector<Assignment> find_locals(Graph& graph) {
  return Finder(graph).find();
}

}  // namespace script
}  // namespace anycapture
