// SPDX-License-Identifier: MIT
// `anycapture modules`: what a model is made of, and what can be asked for.
#include <anycapture/error.h>
#include <anycapture/program.h>
#include <anycapture/selector.h>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "cli/command.h"
#include "cli/table.h"
#include "cli/torch/torch_commands.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

using Json = nlohmann::ordered_json;

struct Row {
  ModuleName name;
  std::int64_t parameters = 0;  // numbers in it and below it
  std::vector<ProgramSite> sites;
};

std::string count_text(std::int64_t count) {
  if (count == 0) return "";
  if (count < 10'000) return std::to_string(count);
  const double millions = static_cast<double>(count) / 1e6;
  return millions < 1 ? fmt::format("{:.1f} k", millions * 1e3) : fmt::format("{:.1f} M", millions);
}

// Of a module and what is below it.
std::map<std::string, std::int64_t> parameters_by_path(const Program& program) {
  std::map<std::string, std::int64_t> counts;
  for (const auto& [name, parameter] : program.named_parameters()) {
    counts[""] += parameter.numel();
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      counts[name.substr(0, dot)] += parameter.numel();
  }
  return counts;
}

bool is_wanted(const Selector& selector, const ProgramSite& site) {
  return selector.matches_what(site.what, site.kind);
}

std::vector<Row> rows_of(const Program& program, const ModulesOptions& options) {
  const std::vector<ModuleName> names = program.modules();
  std::vector<bool> chosen(names.size(), options.selector.empty());
  std::optional<BoundSelectors> bound;
  if (!options.selector.empty()) {
    bound.emplace(SelectorList({options.selector}), names);
    for (const std::size_t module : bound->modules_of(0)) chosen[module] = true;
  }
  auto parameters = parameters_by_path(program);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!chosen[i]) continue;
    Row row{names[i], parameters[names[i].path], {}};
    if (options.sites || bound) row.sites = program.sites(names[i].path);
    if (bound && !options.sites) {
      const Selector& selector = bound->selectors()[0];
      row.sites.erase(
          std::remove_if(row.sites.begin(), row.sites.end(),
                         [&](const ProgramSite& one) { return !is_wanted(selector, one); }),
          row.sites.end());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string place_of(const ProgramSite& site) {
  if (site.line == 0) return "";
  return fmt::format("{}:{}", site.file.substr(site.file.rfind('/') + 1), site.line);
}

std::string table_of(const std::vector<Row>& rows) {
  Table table({{"module"}, {"type"}, {"parameters", Table::Align::kRight}, {"also"}});
  Table sites({{"site"}, {"type"}, {"source"}});
  bool any_site = false;
  for (const Row& row : rows) {
    const std::string path = row.name.path.empty() ? "(root)" : visible(row.name.path);
    table.add({path, visible(normalise_type(row.name.type)), count_text(row.parameters),
               visible(fmt::format("{}", fmt::join(row.name.aliases, ", ")))});
    for (const ProgramSite& site : row.sites) {
      any_site = true;
      sites.add({visible(encode_path(row.name.path) + ":" + site.what), visible(site.type),
                 visible(place_of(site))});
    }
  }
  return table.text() + (any_site ? "\n" + sites.text() : "");
}

std::string json_of(const std::vector<Row>& rows) {
  Json all = Json::array();
  for (const Row& row : rows) {
    Json one{{"path", row.name.path},
             {"type", normalise_type(row.name.type)},
             {"aliases", row.name.aliases},
             {"parameters", row.parameters}};
    for (const ProgramSite& site : row.sites) {
      one["sites"].push_back({{"key", encode_path(row.name.path) + ":" + site.what},
                              {"type", site.type},
                              {"file", site.file},
                              {"line", site.line}});
    }
    all.push_back(std::move(one));
  }
  return all.dump(2) + "\n";
}

}  // namespace

int modules(const ModulesOptions& options) {
  const Program program = load_program(options);
  const std::vector<Row> rows = rows_of(program, options);
  write_out(options.json ? json_of(rows) : table_of(rows));
  return kDone;
}

}  // namespace cli
}  // namespace anycapture
