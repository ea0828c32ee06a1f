// SPDX-License-Identifier: MIT
#include "cli/arguments.h"

#include <anycapture/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>

#include "cli/command.h"

namespace anycapture {
namespace cli {
namespace {

// `f16, bf16 or f32`
std::string alternatives(const std::vector<std::string>& words) {
  return fmt::format("{} or {}", fmt::join(words.begin(), words.end() - 1, ", "), words.back());
}

// A list may take but one word each time that it is given.
int most_values(const CLI::Option& option) {
  const int most = option.get_items_expected_max();
  const bool unlimited = most >= CLI::detail::expected_max_vector_size / 16;
  const bool one = !option.get_positional() && !option.get_allow_extra_args();
  return unlimited && one ? option.get_items_expected_min() : most;
}

ArgumentInfo info_of(const CLI::Option& option) {
  ArgumentInfo info;
  if (option.get_positional()) info.positional = option.get_name(true);
  for (const std::string& name : option.get_snames()) info.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) info.names.push_back("--" + name);
  const std::string& text = option.get_option_text();
  info.value = text.empty() ? option.get_type_name() : text;
  info.description = option.get_description();
  info.least_values = option.get_items_expected_min();
  info.most_values = most_values(option);
  info.repeats = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  for (const CLI::Option* other : option.get_excludes()) info.excludes.push_back(other->get_name());
  return info;
}

CommandInfo info_of(const CLI::App& app) {
  CommandInfo info{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) info.arguments.push_back(info_of(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    info.commands.push_back(info_of(*command));
  }
  return info;
}

}  // namespace

Argument& Argument::required() {
  option_->required();
  return *this;
}

Argument& Argument::shown_as(const std::string& value) {
  option_->option_text(value);
  return *this;
}

Argument& Argument::shows_default() {
  option_->capture_default_str();
  return *this;
}

Argument& Argument::positive() {
  option_->check(CLI::PositiveNumber);
  return *this;
}

Argument& Argument::from_zero() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

Argument& Argument::between(double least, double most) {
  option_->check(CLI::Range(least, most));
  return *this;
}

Argument& Argument::excludes(const Argument& other) {
  option_->excludes(other.option_);
  return *this;
}

Argument& Argument::needs(const std::string& other) {
  option_->needs(other);
  return *this;
}

template <class T>
Argument Arguments::option(const std::string& name, T& value, const std::string& description) {
  return Argument(app_->add_option(name, value, description));
}

template Argument Arguments::option(const std::string&, std::string&, const std::string&);
template Argument Arguments::option(const std::string&, int&, const std::string&);
template Argument Arguments::option(const std::string&, std::int64_t&, const std::string&);
template Argument Arguments::option(const std::string&, double&, const std::string&);
template Argument Arguments::option(const std::string&, std::optional<int>&, const std::string&);
template Argument Arguments::option(const std::string&, std::optional<std::int64_t>&,
                                    const std::string&);
template Argument Arguments::option(const std::string&, std::optional<double>&, const std::string&);

Argument Arguments::repeated(const std::string& name, std::vector<std::string>& values,
                             const std::string& value, const std::string& description) {
  return Argument(app_->add_option(name, values, description)
                      ->expected(1)
                      ->type_name(value)
                      ->take_all()
                      ->allow_extra_args(false));  // else it takes [ab] for a list
}

template <class T>
Argument Arguments::list(const std::string& name, std::vector<T>& values, const std::string& value,
                         const std::string& description) {
  return Argument(app_->add_option(name, values, description)
                      ->delimiter(',')
                      ->allow_extra_args(false)
                      ->option_text(value));
}

template Argument Arguments::list(const std::string&, std::vector<int>&, const std::string&,
                                  const std::string&);
template Argument Arguments::list(const std::string&, std::vector<std::int64_t>&,
                                  const std::string&, const std::string&);
template Argument Arguments::list(const std::string&, std::vector<double>&, const std::string&,
                                  const std::string&);

Argument Arguments::positionals(const std::string& name, std::vector<std::string>& values,
                                const std::string& description) {
  constexpr int kMany = CLI::detail::expected_max_vector_size;
  return Argument(app_->add_option(name, values, description)
                      ->take_all()                  // first: it may change what is expected
                      ->expected(kMany - 1, kMany)  // there is room for one more, always
                      ->allow_extra_args(false)     // else it takes [ab] for a list
                      ->option_text("TEXT ..."));
}

Argument Arguments::flag(const std::string& name, bool& value, const std::string& description) {
  return Argument(app_->add_flag(name, value, description));
}

Argument Arguments::flag(const std::string& name, std::function<void()> set,
                         const std::string& description) {
  return Argument(app_->add_flag_callback(name, std::move(set), description));
}

Argument Arguments::read(const std::string& name, std::function<bool(const std::string&)> read,
                         const std::string& wanted, const std::string& description) {
  const auto checked = [name, read = std::move(read), wanted](const std::string& text) {
    if (read(text)) return;
    throw CLI::ValidationError(name, fmt::format("{} is not {}", printable(text), wanted));
  };
  return Argument(app_->add_option_function<std::string>(name, checked, description));
}

Argument Arguments::word_of(const std::string& name, const std::vector<std::string>& words,
                            std::function<void(std::size_t)> set, const std::string& description) {
  const auto find = [words, set = std::move(set)](const std::string& text) {
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) return false;
    set(static_cast<std::size_t>(found - words.begin()));
    return true;
  };
  return read(name, find, alternatives(words), description)
      .shown_as(fmt::format("{}", fmt::join(words, "|")));
}

void Arguments::footer(const std::string& text) {
  app_->footer(text);
}

std::string Arguments::name() const {
  return app_->get_name();
}

bool Arguments::parsed() const {
  return app_->parsed();
}

CommandLine::CommandLine(const std::string& about, const std::string& name)
    : app_(std::make_unique<CLI::App>(about, name)) {
  app_->require_subcommand(1);
}

CommandLine::~CommandLine() = default;

void CommandLine::version(const std::string& text) {
  app_->set_version_flag("--version", text);
}

Arguments CommandLine::add_command(const std::string& name, const std::string& description) {
  return Arguments(app_->add_subcommand(name, description));
}

std::optional<int> CommandLine::parse(std::vector<std::string> arguments) {
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app_->parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? kDone : kUsage;
  }
}

int CommandLine::refuse(const std::string& problem) const {
  app_->exit(CLI::ExtrasError(problem, CLI::ExitCodes::ExtrasError));
  return kUsage;
}

CommandInfo CommandLine::info() const {
  return info_of(*app_);
}

}  // namespace cli
}  // namespace anycapture
