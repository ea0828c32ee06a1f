// SPDX-License-Identifier: MIT
#include "instrument/copies.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

#include "instrument/command_line.h"
#include "instrument/instrument.h"
#include "instrument/unnamed_headers.h"

namespace anycapture {
namespace instrument {
namespace {

namespace fs = std::filesystem;

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  return a == b || fs::equivalent(a, b, ignored);
}

class Writer {
 public:
  Writer(Files& files, const fs::path& source, const std::vector<fs::path>& named,
         const fs::path& folder)
      : files_(files), source_(source), folder_(folder) {
    all_ = files.headers_of(source);
    all_.insert(all_.begin(), source);
    for (const fs::path& one : all_) {
      declarations_.add(files.parse(one).tree);
      // A source that a source includes, as unity builds have it, is one too.
      named_.push_back(one == source || is_source(one) ||
                       std::any_of(named.begin(), named.end(),
                                   [&](const auto& other) { return is_same(other, one); }));
    }
    find_copied();
  }

  Copies write() {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const Tree& tree = files_.parse(all_[i]).tree;
      if (named_[i]) {
        rewritings_[i] = instrument(tree, declarations_);
      } else if (std::vector<std::string> classes = classes_to_tag(tree, declarations_);
                 !classes.empty()) {
        unnamed_.push_back({all_[i], std::move(classes)});
      }
    }
    const bool as_it_is = rewritings_[0].insertions.empty() && unnamed_.empty() &&
                          std::count(copied_.begin(), copied_.end(), true) == 1;
    if (!as_it_is) {
      for (std::size_t i = 0; i < all_.size(); ++i) {
        if (copied_[i]) write(i);
      }
      copies_.source = copy_of(0);
    }
    for (const auto& [index, rewriting] : rewritings_)
      copies_.rewritten.push_back({all_[index], rewriting});
    copies_.has_computed_include = files_.parse(source_).has_computed_include;
    return std::move(copies_);
  }

 private:
  // A header that leads to a copied one is copied itself.
  void find_copied() {
    copied_ = named_;
    for (bool grew = true; grew;) {
      grew = false;
      for (std::size_t i = 0; i < all_.size(); ++i) {
        if (copied_[i]) continue;
        for (const Include& one : files_.parse(all_[i]).includes) {
          if (one.found.empty() || !copied_[index_of(one.found)]) continue;
          copied_[i] = grew = true;
          break;
        }
      }
    }
  }

  std::size_t index_of(const fs::path& path) const {
    const auto found = std::find_if(all_.begin(), all_.end(),
                                    [&](const fs::path& one) { return is_same(one, path); });
    return static_cast<std::size_t>(found - all_.begin());
  }

  fs::path copy_of(std::size_t index) const {
    const fs::path name = all_[index].filename();
    return index == 0 ? folder_ / name : fs::absolute(folder_ / std::to_string(index) / name);
  }

  void write(std::size_t index) {
    const ParsedFile& file = files_.parse(all_[index]);
    std::vector<Insertion> insertions = rewritings_[index].insertions;
    for (const Include& one : file.includes) {
      if (one.found.empty()) continue;
      const std::size_t included = index_of(one.found);
      // The copy lies elsewhere: what is found beside the original is named in full.
      const fs::path target = copied_[included] ? copy_of(included)
                              : one.beside      ? fs::absolute(one.found)
                                                : fs::path();
      if (target.empty()) continue;
      insertions.push_back({one.start, '"' + target.string() + '"', one.end - one.start});
    }
    std::stable_sort(insertions.begin(), insertions.end(),
                     [](const Insertion& a, const Insertion& b) { return a.offset < b.offset; });
    const fs::path copy = copy_of(index);
    fs::create_directories(copy.parent_path());
    std::ofstream out(copy, std::ios::binary);
    out << rewritten(file.tree, std::move(insertions), all_[index].string(),
                     !rewritings_[index].insertions.empty());
    if (index == 0) out << note_of(unnamed_);
    out.close();
    if (!out) throw FileError(fmt::format("{} cannot be written", copy.string()));
    copies_.of.emplace_back(copy, all_[index]);
  }

  Files& files_;
  const fs::path& source_;
  const fs::path& folder_;
  std::vector<fs::path> all_;  // the source, then headers
  std::vector<bool> named_;    // to be instrumented
  std::vector<bool> copied_;   // those, and what leads to them
  std::map<std::size_t, Rewriting> rewritings_;
  std::vector<UnnamedHeader> unnamed_;
  Declarations declarations_;
  Copies copies_;
};

}  // namespace

FileRewriting rewriting_of(Files& files, const fs::path& source, const fs::path& declared_by) {
  Declarations declarations;
  declarations.add(files.parse(declared_by).tree);
  for (const fs::path& header : files.headers_of(declared_by))
    declarations.add(files.parse(header).tree);
  return {source, instrument(files.parse(source).tree, declarations)};
}

Copies write_copies(Files& files, const fs::path& source, const std::vector<fs::path>& headers,
                    const fs::path& folder) {
  return Writer(files, source, headers, folder).write();
}

}  // namespace instrument
}  // namespace anycapture
