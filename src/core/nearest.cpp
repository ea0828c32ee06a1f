// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <tuple>

namespace anycapture {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Insertions, deletions, replacements and swaps of neighbours; more than `limit` counts as limit
// + 1.
std::size_t typing_errors(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (difference > limit) return limit + 1;
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    if (*std::min_element(row.begin(), row.end()) > limit) return limit + 1;
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates,
                                 std::size_t count) {
  constexpr std::size_t kLongest = 200;  // longer texts are not typed by hand
  if (word.empty() || word.size() > kLongest) return {};
  const std::string wanted = lower(word);
  // One error in three characters still reads as the same word.
  const std::size_t limit = std::max<std::size_t>(1, (word.size() + 1) / 3);
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> found;  // errors, length, index
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].empty() || !seen.insert(candidates[i]).second) continue;
    const std::string candidate = lower(candidates[i]);
    const std::size_t errors = typing_errors(wanted, candidate, limit);
    if (errors <= limit) {
      found.emplace_back(errors, 0, i);
    } else if (wanted.size() >= 3 && candidate.find(wanted) != std::string::npos) {
      found.emplace_back(limit + 1, candidate.size(), i);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> result;
  for (std::size_t i = 0; i < found.size() && i < count; ++i) {
    result.push_back(candidates[std::get<2>(found[i])]);
  }
  return result;
}

}  // namespace anycapture
