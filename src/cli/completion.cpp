// SPDX-License-Identifier: MIT
// `anycapture completion`: the scripts for the shells, and what they ask for.
#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "cli/command.h"
#include "cli/completion_place.h"
#include "cli/completion_scripts.h"
#include "cli/option_values.h"
#include "cli/tensors.h"
#include "core/element.h"
#include "core/key.h"

namespace anycapture {
namespace cli {
namespace {

using Words = std::vector<std::string>;

// Lines for those that start with `start`.
class Lines {
 public:
  explicit Lines(std::string start) : start_(std::move(start)) {}

  void add(const std::string& candidate, const std::string& description) {
    if (candidate.compare(0, start_.size(), start_) != 0) return;
    text_ += fmt::format("{}\t{}\n", candidate, description.substr(0, description.find('\n')));
  }
  void add_files(const Words& endings) { text_ += fmt::format("\t{}\n", fmt::join(endings, " ")); }

  const std::string& start() const { return start_; }
  const std::string& text() const { return text_; }

 private:
  std::string start_;
  std::string text_;
};

// A key with a line break in it has no place in lines, and one with a dash none on a command line.
bool can_be_typed(const std::string& key, bool after_dashes) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (key.empty() || (key[0] == '-' && !after_dashes)) return false;
  return std::none_of(key.begin(), key.end(), is_control);
}

void add_keys(Lines& lines, const std::string& prefix, const std::string& path, bool each_call,
              bool after_dashes) {
  std::set<std::string> seen;
  try {
    for (const safetensors::Source& source : read_tensors(path, {}).sources) {
      std::string key = source.key;
      if (!each_call) key = split_call(key).key;
      if (!can_be_typed(key, after_dashes) || !seen.insert(key).second) continue;
      lines.add(prefix + key,
                fmt::format("{} [{}]", torch_name(source.dtype), fmt::join(source.shape, ", ")));
    }
  } catch (const std::exception&) {
    return;  // the command itself says what is wrong with the file
  }
}

void add_values(Lines& lines, const std::string& prefix, const ArgumentInfo& option,
                const Place& place) {
  const OptionValues values = values_of(option);
  switch (values.kind) {
    case OptionValues::Kind::kOther:
      return;
    case OptionValues::Kind::kChoices:
      for (const std::string& choice : values.choices) lines.add(prefix + choice, "");
      return;
    case OptionValues::Kind::kKeys:
    case OptionValues::Kind::kTensors:
      if (place.positionals.empty()) return;
      return add_keys(lines, prefix, place.positionals.front(),
                      values.kind == OptionValues::Kind::kTensors, place.after_dashes);
    case OptionValues::Kind::kFiles:
      return lines.add_files(values.endings);
  }
}

// Whether one more can be given.
bool fits(const ArgumentInfo& option, const Place& place) {
  const auto excluded = [&](const ArgumentInfo* given) {
    return std::any_of(given->names.begin(), given->names.end(), [&](const std::string& name) {
      return std::find(option.excludes.begin(), option.excludes.end(), name) !=
             option.excludes.end();
    });
  };
  const auto& given = place.given;
  if (std::any_of(given.begin(), given.end(), excluded)) return false;
  return option.repeats || std::find(given.begin(), given.end(), &option) == given.end();
}

bool is_given(const Place& place, const std::string& name) {
  return std::any_of(place.given.begin(), place.given.end(), [&](const ArgumentInfo* option) {
    return std::find(option->names.begin(), option->names.end(), name) != option->names.end();
  });
}

const ArgumentInfo& first_positional(const CommandInfo& command) {
  return *std::find_if(command.arguments.begin(), command.arguments.end(),
                       [](const ArgumentInfo& one) { return !one.positional.empty(); });
}

void add_options(Lines& lines, const CommandInfo& command, const Place& place) {
  for (const ArgumentInfo& option : command.arguments) {
    if (!fits(option, place)) continue;
    for (const std::string& name : option.names) lines.add(name, option.description);
  }
}

void add_for(Lines& lines, const CommandInfo& command, const Words& before) {
  const Place place = place_after(command, before);
  const std::string& word = lines.start();
  if (place.value_of != nullptr && (place.must_be_value || word.empty() || word[0] != '-')) {
    add_values(lines, "", *place.value_of, place);
    if (place.must_be_value) return;
  }
  if (!word.empty() && word[0] == '-' && !place.after_dashes) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return add_options(lines, command, place);
    const ArgumentInfo* option = option_named(command, word);
    if (option == nullptr || option->most_values == 0) return;
    return add_values(lines, word.substr(0, equals + 1), *option, place);
  }
  const ArgumentInfo* positional = next_positional(command, place);
  // Two files to compare stand in front of the keys.
  if (place.positionals.size() == 1 && is_given(place, "--compare")) {
    positional = &first_positional(command);
  }
  if (positional != nullptr) add_values(lines, "", *positional, place);
}

}  // namespace

std::string completions(const CommandInfo& program, const Words& words) {
  if (words.empty()) return "";
  Lines lines(words.back());
  const Words before(words.begin(), words.end() - 1);
  const std::vector<CommandInfo>& commands = program.commands;
  const auto named = [&](const std::string& name) {
    return std::find_if(commands.begin(), commands.end(),
                        [&](const CommandInfo& command) { return command.name == name; });
  };
  const CommandInfo& inspect = *named("inspect");  // `anycapture FILE` is that, too
  if (before.empty()) {
    for (const CommandInfo& command : commands) lines.add(command.name, command.description);
    if (is_option(words.back()) || words.back() == "-") {
      add_options(lines, program, {});
    } else {
      add_for(lines, inspect, {});
    }
  } else if (const auto command = named(before[0]); command != commands.end()) {
    add_for(lines, *command, {before.begin() + 1, before.end()});
  } else if (std::error_code ignored; std::filesystem::exists(before[0], ignored)) {
    add_for(lines, inspect, before);
  }
  return lines.text();
}

Command completion_command(CommandLine& program) {
  static const std::vector<std::pair<std::string, const char*>> kScripts{
      {"bash", kBashScript}, {"zsh", kZshScript}, {"fish", kFishScript}};
  auto script = std::make_shared<const char*>();
  Arguments arguments = program.add_command("completion",
                                            "A script that completes commands, options, "
                                            "files and keys in your shell");
  arguments.footer(
      "An installed anycapture has these scripts in their places. For any other:\n"
      "  bash  source <(anycapture completion bash)     in ~/.bashrc\n"
      "  zsh   source <(anycapture completion zsh)      in ~/.zshrc, behind compinit\n"
      "  fish  anycapture completion fish | source      in ~/.config/fish/config.fish");
  arguments.choice("SHELL", *script, kScripts, "Of which shell").required();
  return {arguments, [script] {
            write_out(*script);
            return kDone;
          }};
}

}  // namespace cli
}  // namespace anycapture
