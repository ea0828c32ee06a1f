// SPDX-License-Identifier: MIT
// How commands say what they take. CLI11 parses it; its header costs a source four seconds, so
// arguments.cpp alone includes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/argument_info.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace anycapture {
namespace cli {

/// One option, flag or positional; owned by its CommandLine.
class Argument {
 public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument& required();
  /// What the help calls its value, such as `N`, in place of the type and all that follows it.
  Argument& shown_as(const std::string& value);
  /// The help tells the value that it has now.
  Argument& shows_default();
  Argument& positive();
  Argument& from_zero();
  Argument& between(double least, double most);
  Argument& excludes(const Argument& other);
  Argument& needs(const std::string& other);

 private:
  CLI::Option* option_;
};

/// What one command takes; owned by its CommandLine. What the variables hold before is the
/// default; they must outlive the parsing.
class Arguments {
 public:
  explicit Arguments(CLI::App* app) : app_(app) {}

  /// `name`: `-o,--out`, or `FILE` of a positional. T: std::string, int, std::int64_t, double, or a
  /// std::optional of int, std::int64_t or double.
  template <class T>
  Argument option(const std::string& name, T& value, const std::string& description);
  /// One value each time that it is given.
  Argument repeated(const std::string& name, std::vector<std::string>& values,
                    const std::string& value, const std::string& description);
  /// Values apart by commas. T: int, std::int64_t, double.
  template <class T>
  Argument list(const std::string& name, std::vector<T>& values, const std::string& value,
                const std::string& description);
  /// As many as there are, each as it was typed.
  Argument positionals(const std::string& name, std::vector<std::string>& values,
                       const std::string& description);
  Argument flag(const std::string& name, bool& value, const std::string& description);
  Argument flag(const std::string& name, std::function<void()> set, const std::string& description);
  /// One of some words. E may be in a std::optional.
  template <class T, class E>
  Argument choice(const std::string& name, T& value,
                  const std::vector<std::pair<std::string, E>>& choices,
                  const std::string& description) {
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) words.push_back(word);
    return word_of(
        name, words, [&value, choices](std::size_t i) { value = choices[i].second; }, description);
  }
  /// `read` gives false for a text that is not as `wanted` says.
  Argument read(const std::string& name, std::function<bool(const std::string&)> read,
                const std::string& wanted, const std::string& description);

  /// What the help ends with.
  void footer(const std::string& text);
  std::string name() const;
  /// This command was given.
  bool parsed() const;

 private:
  Argument word_of(const std::string& name, const std::vector<std::string>& words,
                   std::function<void(std::size_t)> set, const std::string& description);

  CLI::App* app_;
};

/// A program's commands.
class CommandLine {
 public:
  CommandLine(const std::string& about, const std::string& name);
  ~CommandLine();

  void version(const std::string& text);
  Arguments add_command(const std::string& name, const std::string& description);
  /// Empty when a command is to run; else what there is to say, such as the help, was printed, and
  /// this is the exit status.
  std::optional<int> parse(std::vector<std::string> arguments);
  /// Prints it as parse() prints a mistake; gives the exit status.
  int refuse(const std::string& problem) const;
  CommandInfo info() const;

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace cli
}  // namespace anycapture
