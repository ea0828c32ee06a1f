// SPDX-License-Identifier: MIT
// `anycapture completion`: the scripts for the shells, and what they ask for.
#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

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

void add_values(Lines& lines, const std::string& prefix, const CLI::Option& option,
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
bool fits(const CLI::Option& option, const Place& place) {
  const auto is_given = [&](const CLI::Option* other) {
    return std::find(place.given.begin(), place.given.end(), other) != place.given.end();
  };
  const std::set<CLI::Option*> excluded = option.get_excludes();
  if (std::any_of(excluded.begin(), excluded.end(), is_given)) return false;
  return !is_given(&option) || option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

void add_options(Lines& lines, const CLI::App& command, const Place& place) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty() || !fits(*option, place)) continue;
    for (const std::string& name : option->get_snames()) {
      lines.add("-" + name, option->get_description());
    }
    for (const std::string& name : option->get_lnames()) {
      lines.add("--" + name, option->get_description());
    }
  }
}

void add_for(Lines& lines, const CLI::App& command, const Words& before) {
  const Place place = place_after(command, before);
  const std::string& word = lines.start();
  if (place.value_of != nullptr && (place.must_be_value || word.empty() || word[0] != '-')) {
    add_values(lines, "", *place.value_of, place);
    if (place.must_be_value) return;
  }
  if (!word.empty() && word[0] == '-' && !place.after_dashes) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return add_options(lines, command, place);
    const CLI::Option* option = option_named(command, word);
    if (option == nullptr || option->get_items_expected_max() == 0) return;
    return add_values(lines, word.substr(0, equals + 1), *option, place);
  }
  if (const CLI::Option* positional = next_positional(command, place)) {
    add_values(lines, "", *positional, place);
  }
}

}  // namespace

std::string completions(const CLI::App& program, const Words& words) {
  if (words.empty()) return "";
  Lines lines(words.back());
  const Words before(words.begin(), words.end() - 1);
  const auto commands = program.get_subcommands([](const CLI::App*) { return true; });
  const auto named = [&](const std::string& name) {
    return std::find_if(commands.begin(), commands.end(),
                        [&](const CLI::App* command) { return command->get_name() == name; });
  };
  const CLI::App& inspect = **named("inspect");  // `anycapture FILE` is that, too
  if (before.empty()) {
    for (const CLI::App* command : commands) {
      lines.add(command->get_name(), command->get_description());
    }
    if (is_option(words.back()) || words.back() == "-") {
      add_options(lines, program, {});
    } else {
      add_for(lines, inspect, {});
    }
  } else if (const auto command = named(before[0]); command != commands.end()) {
    add_for(lines, **command, {before.begin() + 1, before.end()});
  } else if (std::error_code ignored; std::filesystem::exists(before[0], ignored)) {
    add_for(lines, inspect, before);
  }
  return lines.text();
}

Command completion_command(CLI::App& program) {
  static const std::map<std::string, const char*> kScripts{
      {"bash", kBashScript}, {"fish", kFishScript}, {"zsh", kZshScript}};
  auto shell = std::make_shared<std::string>();
  CLI::App* app = program.add_subcommand("completion",
                                         "A script that completes commands, options, "
                                         "files and keys in your shell");
  app->footer(
      "An installed anycapture has these scripts in their places. For any other:\n"
      "  bash  source <(anycapture completion bash)     in ~/.bashrc\n"
      "  zsh   source <(anycapture completion zsh)      in ~/.zshrc, behind compinit\n"
      "  fish  anycapture completion fish | source      in ~/.config/fish/config.fish");
  app->add_option("SHELL", *shell, "Of which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return {app, [shell] {
            write_out(kScripts.at(*shell));
            return kDone;
          }};
}

}  // namespace cli
}  // namespace anycapture
