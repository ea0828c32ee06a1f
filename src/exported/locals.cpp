// SPDX-License-Identifier: MIT
#include "exported/locals.h"

#include <algorithm>
#include <unordered_map>

#include "core/python_statements.h"
#include "exported/metadata.h"
#include "exported/python_frames.h"

namespace anycapture {
namespace exported {
namespace {

class Finder {
 public:
  Finder(const Graph& graph, const Flow& flow, const std::vector<ModuleCall>& calls,
         const KnownLines& lines)
      : graph_(graph), flow_(flow), lines_(lines) {
    for (const ModuleCall& one : calls) calls_.emplace(one.call, &one);
  }

  std::vector<LocalValue> find() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::vector<PythonFrame> frames = python_frames(graph_.nodes[i]);
      for (std::size_t k = 0; k < frames.size(); ++k) visit(i, frames[k], runs_op(frames, k));
    }
    for (auto& [instance, open] : open_) end_statement(open);
    std::stable_sort(
        found_.begin(), found_.end(),
        [](const LocalValue& one, const LocalValue& other) { return one.node < other.node; });
    return std::move(found_);
  }

 private:
  // A statement that is being run.
  struct Open {
    PythonFrame frame;
    std::size_t statement = 0;  // the line where it begins
    std::vector<std::size_t> nodes;
    bool sure = true;    // that they are all its own
    bool is_op = false;  // the last is an operator that it calls, not one of a function's
  };

  void visit(std::size_t node, const PythonFrame& frame, bool is_op) {
    const auto [found, added] = open_.try_emplace(frame.instance);
    Open& open = found->second;
    const auto [statement, sure] = lines_.statement_of(frame.line.file, frame.line.line);
    if (!added && statement != open.statement) end_statement(open);
    if (open.nodes.empty()) {
      open.frame = frame;
      open.statement = statement;
      open.sure = true;
    }
    open.sure = open.sure && sure;
    open.is_op = is_op;
    open.frame.inner = frame.inner;
    open.nodes.push_back(node);
  }

  void end_statement(Open& open) {
    const std::string& text = lines_.text(open.frame.line.file, open.statement);
    const auto statements = python::statements_of(text);
    const auto plain = std::count_if(statements.begin(), statements.end(), [](const auto& one) {
      return one.keyword.empty() || one.keyword == "return" || one.keyword == "assert";
    });
    for (const python::Statement& one : statements) {
      if (one.keyword == "for" || one.keyword == "with") continue;
      const bool starred =
          text.substr(one.begin, text.find('=') - one.begin).find('*') < text.size();
      for (const auto& names : one.targets) {
        // Which of several statements a node belongs to is not known.
        if (plain == 1 && open.sure && (names.size() == 1 || !starred))
          assign(open, names, one);
        else
          for (const std::string& name : names) add(open, name, {});
      }
      if (plain == 1 && open.sure) assign_written(open, one, text);
    }
    open.nodes.clear();
  }

  // `x.add_(y)`, `x[0] = y`: where the graph has no writes any more, x is another value then.
  void assign_written(const Open& open, const python::Statement& statement,
                      const std::string& text) {
    const bool writes = std::any_of(open.nodes.begin(), open.nodes.end(), [&](std::size_t node) {
      return !graph_.nodes[node].written.empty();
    });
    const python::Write write = python::write_of(statement, text);
    if (writes || write.name.empty()) return;
    add(open, write.name, write.whole ? value_of(open, statement) : std::vector<NamedSlot>());
  }

  void assign(const Open& open, const std::vector<std::string>& names,
              const python::Statement& statement) {
    const bool display = statement.is_display;
    if (names.size() == 1)
      return add(open, names[0], display ? std::vector<NamedSlot>() : value_of(open, statement));
    std::vector<std::vector<NamedSlot>> parts =
        display ? made_by(open) : parts_of(open, names.size(), statement);
    if (parts.size() != names.size()) parts.assign(names.size(), {});  // it is not known which
    for (std::size_t i = 0; i < names.size(); ++i) add(open, names[i], std::move(parts[i]));
  }

  // The module's call that it ended with.
  const ModuleCall* ended_call(const Open& open) const {
    const auto call = calls_.find(open.frame.inner);
    const bool ended = call != calls_.end() && call->second->last == open.nodes.back() &&
                       !call->second->outputs.empty();
    return ended ? call->second : nullptr;
  }

  // Of its last node; of the module that this one ended, what came out.
  std::vector<NamedSlot> values_of(const Open& open) const {
    const ModuleCall* call = ended_call(open);
    return call != nullptr ? call->outputs : results_of(graph_, graph_.nodes[open.nodes.back()]);
  }

  // What it ended with, if nodes behind it read that or nothing of it; else the one value that they
  // read: a function may return what it made before its last node.
  std::vector<NamedSlot> value_of(const Open& open, const python::Statement& statement) const {
    const std::vector<NamedSlot> values = values_of(open);
    const std::vector<Slot> later = read_later(open);
    const bool whole = statement.ends_in_call;  // not `f(x)[0]`
    if (whole && (values.size() > 1 || later.size() > 1) && !is_known(open, statement)) return {};
    std::vector<NamedSlot> read;
    for (const NamedSlot& value : values) {
      if (std::find(later.begin(), later.end(), value.second) != later.end()) read.push_back(value);
    }
    if (read.empty() && !later.empty())
      return later.size() == 1 ? std::vector<NamedSlot>{{"", later[0]}} : std::vector<NamedSlot>();
    if (whole || values.size() < 2) return values;
    return read.size() == 1 ? std::vector<NamedSlot>{{"", read[0].second}}
                            : std::vector<NamedSlot>();
  }

  // What a tuple of so many holds: `1.state` is `state` of the second. Empty where it is not known:
  // a function may return in another order than it computes.
  std::vector<std::vector<NamedSlot>> parts_of(const Open& open, std::size_t count,
                                               const python::Statement& statement) const {
    const std::vector<NamedSlot> values = values_of(open);
    const ModuleCall* call = ended_call(open);
    if (!statement.ends_in_call || !is_known(open, statement)) return {};
    const bool has_signature = call != nullptr && call->has_signature;
    if (!has_signature && reads_others(open, values)) return {};
    std::vector<std::vector<NamedSlot>> parts(count);
    for (const auto& [name, slot] : values) {
      const std::size_t dot = std::min(name.find('.'), name.size());
      const std::size_t index = index_of(name.substr(0, dot));
      if (index >= count) return {};
      if (graph_.is_tensor(slot))
        parts[index].emplace_back(dot < name.size() ? name.substr(dot + 1) : "", slot);
    }
    return parts;
  }

  // Whether what it gives is known, and in which order: not so of `self.swapped(x)` and
  // `swap(self.m(x))`.
  bool is_known(const Open& open, const python::Statement& statement) const {
    const ModuleCall* call = ended_call(open);
    if (call == nullptr)
      return open.is_op && gives_results_of(statement, graph_.nodes[open.nodes.back()]);
    const bool is_last = statement.callee == call->path.substr(call->path.rfind('.') + 1);
    return call->in_order && (is_last || !statement.calls_within);
  }

  // Whether nodes behind the statement read something else that it made.
  bool reads_others(const Open& open, const std::vector<NamedSlot>& values) const {
    const std::vector<Slot> later = read_later(open);
    return std::any_of(later.begin(), later.end(), [&values](Slot slot) {
      return std::none_of(values.begin(), values.end(),
                          [slot](const NamedSlot& value) { return value.second == slot; });
    });
  }

  // Of a part of a tuple; Flow::kNone for what has a name.
  static std::size_t index_of(const std::string& name) {
    const bool numbered =
        !name.empty() && name.size() < 4 &&
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    return numbered ? std::stoul(name) : Flow::kNone;
  }

  // Of what is spelled out: one by one.
  std::vector<std::vector<NamedSlot>> made_by(const Open& open) const {
    std::vector<std::vector<NamedSlot>> parts;
    for (const Slot slot : read_later(open)) parts.push_back({{"", slot}});
    return parts;
  }

  // What the statement made and nodes behind it read, in the order in which it was made.
  std::vector<Slot> read_later(const Open& open) const {
    std::vector<Slot> slots;
    for (const std::size_t i : open.nodes) {
      for (const Result& result : graph_.nodes[i].results) {
        for (const Slot slot : result.slots) {
          if (!graph_.is_tensor(slot)) continue;
          const auto& readers = flow_.readers[static_cast<std::size_t>(slot)];
          const bool later = std::any_of(readers.begin(), readers.end(), [&](std::size_t reader) {
            return !std::binary_search(open.nodes.begin(), open.nodes.end(), reader);
          });
          if (later) slots.push_back(slot);
        }
      }
    }
    return slots;
  }

  void add(const Open& open, const std::string& name, std::vector<NamedSlot> values) {
    if (name.empty()) return;
    found_.push_back({open.frame.module.call, open.frame.module.path, open.frame.module.type,
                      open.frame.line.function, name, open.nodes.back(), std::move(values),
                      open.frame.line.file, open.statement});
  }

  const Graph& graph_;
  const Flow& flow_;
  const KnownLines& lines_;
  std::unordered_map<std::string, const ModuleCall*> calls_;
  std::map<std::string, Open> open_;  // by call of a function
  std::vector<LocalValue> found_;
};

}  // namespace

std::vector<LocalValue> locals_in(const Graph& graph, const Flow& flow,
                                  const std::vector<ModuleCall>& calls, const KnownLines& lines) {
  return Finder(graph, flow, calls, lines).find();
}

}  // namespace exported
}  // namespace anycapture
