// SPDX-License-Identifier: MIT
#include "core/printed_layout.h"

namespace anycapture {
namespace {

constexpr std::uint64_t kThreshold = 1000;
constexpr std::uint64_t kEdge = 3;
constexpr std::size_t kLineWidth = 75;
constexpr char kGap[] = "...";

// Walks the elements that are shown.
class ShownElements {
 public:
  explicit ShownElements(const std::vector<std::int64_t>& shape);

  std::uint64_t index() const { return index_; }
  // Steps on. Returns how many of the last axes are done, and start again; all of them at the end.
  std::size_t next();
  // Whether the last step left elements out.
  bool skipped() const { return skipped_; }

 private:
  struct Axis {
    std::uint64_t length;
    std::uint64_t stride;
    std::uint64_t at;
  };

  std::vector<Axis> axes_;
  bool summarise_ = false;
  bool skipped_ = false;
  std::uint64_t index_ = 0;
};

ShownElements::ShownElements(const std::vector<std::int64_t>& shape) : axes_(shape.size()) {
  std::uint64_t count = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    axes_[i] = {static_cast<std::uint64_t>(shape[i]), count, 0};
    count *= axes_[i].length;
  }
  summarise_ = count > kThreshold;
}

std::size_t ShownElements::next() {
  skipped_ = false;
  std::size_t done = 0;
  for (auto axis = axes_.rbegin(); axis != axes_.rend(); ++axis, ++done) {
    const bool jump = summarise_ && axis->length > 2 * kEdge && axis->at + 1 == kEdge;
    const std::uint64_t step = jump ? axis->length - 2 * kEdge + 1 : 1;
    if (axis->at + step < axis->length) {
      axis->at += step;
      index_ += step * axis->stride;
      skipped_ = jump;
      break;
    }
    index_ -= axis->at * axis->stride;
    axis->at = 0;
  }
  return done;
}

// The text so far of an array that has so many axes.
class Text {
 public:
  explicit Text(std::size_t axes) : axes_(axes), column_(axes), text_(axes, '[') {}

  // A line keeps room for the brackets that may end it.
  void add_word(const std::string& word) {
    if (column_ > axes_ && column_ + word.size() + axes_ > kLineWidth) break_line(1, axes_);
    text_ += word;
    column_ += word.size();
  }

  void add_space() {
    text_ += ' ';
    ++column_;
  }

  void break_line(std::size_t lines, std::size_t indent) {
    text_.erase(text_.find_last_not_of(' ') + 1);
    text_.append(lines, '\n').append(indent, ' ');
    column_ = axes_;  // with the brackets that follow
  }

  void open(std::size_t axes) { text_.append(axes, '['); }
  void close(std::size_t axes) { text_.append(axes, ']'); }
  const std::string& text() const { return text_; }

 private:
  std::size_t axes_;
  std::size_t column_;
  std::string text_;
};

}  // namespace

std::vector<std::uint64_t> shown_elements(const std::vector<std::int64_t>& shape) {
  ShownElements shown(shape);
  std::vector<std::uint64_t> indices;
  do {
    indices.push_back(shown.index());
  } while (shown.next() < shape.size());
  return indices;
}

std::string lay_out(const std::vector<std::int64_t>& shape, const std::vector<std::string>& words) {
  const std::size_t axes = shape.size();
  Text text(axes);
  ShownElements shown(shape);
  for (const std::string& word : words) {
    text.add_word(word);
    const std::size_t done = shown.next();
    if (done == axes) break;
    if (done == 0) {
      text.add_space();
      if (shown.skipped()) {
        text.add_word(kGap);
        text.add_space();
      }
      continue;
    }
    text.close(done);
    text.break_line(done, axes - done);
    if (shown.skipped()) {
      text.add_word(kGap);
      text.break_line(done, axes - done);
    }
    text.open(done);
  }
  text.close(axes);
  return text.text();
}

}  // namespace anycapture
