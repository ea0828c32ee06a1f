// SPDX-License-Identifier: MIT
#include "exported/locals.h"

#include <algorithm>
#include <unordered_map>

#include "core/python_statements.h"
#include "exported/metadata.h"

namespace anycapture {
namespace exported {
namespace {

// How many brackets a line leaves open; `lowest`: how far it goes below what was open before it.
int balance_of(const std::string& text, int& lowest) {
  int depth = 0;
  lowest = 0;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '#') break;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    lowest = std::min(lowest, depth);
  }
  return depth;
}

bool is_open(const std::string& text) {
  int lowest = 0;
  return balance_of(text, lowest) > 0 || (!text.empty() && text.back() == '\\');
}

// Whether it can be no statement of its own.
bool goes_on(const std::string& text) {
  if (text.empty()) return true;
  int lowest = 0;
  balance_of(text, lowest);
  const char first = text.front(), last = text.back();
  const bool begins = std::string(".)]}+-/%|&^,").find(first) != std::string::npos ||
                      (first == '*' && text.compare(0, 2, "**") != 0) || first == '@';
  return lowest < 0 || begins || last == ',';
}

// Whether it is one, whatever brackets lines before it may have left open: PEP 8 writes keyword
// arguments without spaces.
bool begins_statement(const std::string& text) {
  if (text.compare(0, 7, "return ") == 0) return true;
  const std::size_t equals = text.find("= ");
  if (equals == std::string::npos || equals == 0) return false;
  const std::size_t before = text.find_last_not_of("+-*/@%&|^<>", equals - 1);
  const bool spaced = before != std::string::npos && text[before] == ' ';
  const auto statements = python::statements_of(text);
  return spaced && !statements.empty() && !statements.front().targets.empty();
}

// A function that was running, as seen from the node: where in its source, and which call of it.
struct Frame {
  std::string instance;  // equal for nodes of the same call
  CalledModule module;   // that it belongs to; of the root, without a call
  PythonLine line;
  std::string inner;  // what it called there
};

class Finder {
 public:
  Finder(const Graph& graph, const Flow& flow, const std::vector<ModuleCall>& calls,
         const KnownLines& lines)
      : graph_(graph), flow_(flow), lines_(lines) {
    for (const ModuleCall& one : calls) calls_.emplace(one.call, &one);
  }

  std::vector<LocalValue> find() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const Frame& frame : frames_of(graph_.nodes[i])) visit(i, frame);
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
    Frame frame;
    std::size_t statement = 0;  // the line where it begins
    std::vector<std::size_t> nodes;
  };

  // A module's call has a frame each, called forward; those between are functions that it calls.
  std::vector<Frame> frames_of(const Node& node) const {
    const std::vector<PythonLine> lines = python_lines(node.stack_trace);
    const bool made_up = std::any_of(lines.begin(), lines.end(), [](const PythonLine& line) {
      return line.file.compare(0, 14, "<eval_with_key") == 0;
    });
    if (made_up) return {};
    std::vector<CalledModule> modules = called_modules(node.module_stack);
    const auto forwards = static_cast<std::size_t>(
        std::count_if(lines.begin(), lines.end(),
                      [](const PythonLine& line) { return line.function == "forward"; }));
    std::vector<Frame> frames;
    if (modules.empty() || forwards < modules.size())
      modules.resize(std::min(modules.size(), forwards));
    std::string instance;
    CalledModule inside;
    std::size_t module = 0;
    for (const PythonLine& line : lines) {
      if (line.function == "forward" && module < modules.size()) {
        inside = modules[module++];
        if (inside.path.empty()) inside.call.clear();
        instance = inside.call;
      } else {
        instance += "/" + line.function;
      }
      if (module == 0) continue;
      if (!frames.empty()) frames.back().inner = instance;
      frames.push_back({instance, inside, line, ""});
      instance += ":" + std::to_string(line.line);
    }
    return frames;
  }

  void visit(std::size_t node, const Frame& frame) {
    const auto [found, added] = open_.try_emplace(frame.instance);
    Open& open = found->second;
    const std::size_t statement = lines_.statement_of(frame.line.file, frame.line.line);
    if (!added && statement != open.statement) end_statement(open);
    if (open.nodes.empty()) {
      open.frame = frame;
      open.statement = statement;
    }
    open.frame.inner = frame.inner;
    open.nodes.push_back(node);
  }

  void end_statement(Open& open) {
    const std::string& text = lines_.text(open.frame.line.file, open.statement);
    for (const python::Statement& one : python::statements_of(text)) {
      if (one.keyword == "for" || one.keyword == "with") continue;
      for (const auto& names : one.targets) assign(open, names, one.is_display);
    }
    open.nodes.clear();
  }

  void assign(const Open& open, const std::vector<std::string>& names, bool is_display) {
    if (names.size() == 1)
      return add(open, names[0], is_display ? std::vector<NamedSlot>() : values_of(open));
    std::vector<std::vector<NamedSlot>> parts =
        is_display ? made_by(open) : parts_of(open, names.size());
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

  // What a tuple of so many holds: `1.state` is `state` of the second. Empty where it is not known.
  std::vector<std::vector<NamedSlot>> parts_of(const Open& open, std::size_t count) const {
    const std::vector<NamedSlot> values = values_of(open);
    const ModuleCall* call = ended_call(open);
    const bool has_signature = call != nullptr && call->has_signature;
    if (!has_signature && values.size() != count)
      return call != nullptr ? std::vector<std::vector<NamedSlot>>() : made_by(open);
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

  // Of a part of a tuple; Flow::kNone for what has a name.
  static std::size_t index_of(const std::string& name) {
    const bool numbered =
        !name.empty() && name.size() < 4 &&
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    return numbered ? std::stoul(name) : Flow::kNone;
  }

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

void KnownLines::add(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (PythonLine& line : python_lines(node.stack_trace))
      files_[line.file].emplace(line.line, std::move(line.text));
    each_graph(node, [this](const Graph& inner) { add(inner); });
  }
}

const std::string& KnownLines::text(const std::string& file, std::size_t line) const {
  static const std::string kNone;
  const auto found = files_.find(file);
  if (found == files_.end()) return kNone;
  const auto known = found->second.find(line);
  return known == found->second.end() ? kNone : known->second;
}

std::size_t KnownLines::statement_of(const std::string& file, std::size_t line) const {
  constexpr std::size_t kLongest = 40;  // lines of a statement
  const auto found = files_.find(file);
  if (found == files_.end()) return 0;
  auto at = found->second.find(line);
  if (at == found->second.end()) return 0;
  if (begins_statement(at->second)) return line;
  // Up to the line that left brackets open which this one stands in.
  auto before = at;
  while (before != found->second.begin()) {
    --before;
    if (line - before->first > kLongest) break;
    if (!is_open(before->second)) {
      if (goes_on(before->second)) continue;
      break;
    }
    int lowest = 0, depth = 0;
    for (auto one = before; one != at; ++one) depth += balance_of(one->second, lowest);
    if (depth <= 0 && before->second.back() != '\\') break;
    at = before;
    line = before->first;
  }
  return at->first;
}

std::vector<LocalValue> locals_in(const Graph& graph, const Flow& flow,
                                  const std::vector<ModuleCall>& calls, const KnownLines& lines) {
  return Finder(graph, flow, calls, lines).find();
}

}  // namespace exported
}  // namespace anycapture
