// SPDX-License-Identifier: MIT
#include "core/attention_entropy.h"
#include "core/capture_file.h"
#include "core/print_values.h"
#include "core/statistics.h"
#include "core/tensor_shape.h"
#include "fuzz/fuzz.h"

namespace {

using namespace anycapture;
using safetensors::Bytes;
using safetensors::Reader;
using safetensors::TensorInfo;

Bytes bytes_of(const Reader& reader, const TensorInfo& tensor) {
  return {reader.data(tensor), tensor.bytes, nullptr};
}

// The tensors fill the file from its header to its end, and each is found by its key.
void check_tensors(const Reader& reader, std::size_t file_bytes) {
  std::uint64_t bytes = 0;
  for (const TensorInfo& tensor : reader.tensors()) {
    fuzz::check(tensor.offset == bytes, "tensors follow each other");
    fuzz::check(reader.find(tensor.key) == &tensor, "a tensor is found by its key");
    bytes += tensor.bytes;
    fuzz::check(bytes < file_bytes, "a tensor lies in the file");
    fuzz::touch(reader.data(tensor), tensor.bytes);
  }
}

void check_round_trip(const Reader& reader) {
  std::vector<safetensors::Source> sources;
  for (const TensorInfo& tensor : reader.tensors()) {
    sources.push_back(
        {tensor.key, tensor.dtype, tensor.shape, [&] { return bytes_of(reader, tensor); }});
  }
  safetensors::write(fuzz::file_to_write(), sources, reader.metadata());
  const Reader again(fuzz::file_to_write());
  fuzz::check(again.metadata() == reader.metadata(), "the metadata reads the same");
  fuzz::check(again.tensors().size() == reader.tensors().size(), "as many tensors are read");
  for (const TensorInfo& tensor : reader.tensors()) {
    const TensorInfo* other = again.find(tensor.key);
    fuzz::check(other != nullptr && other->dtype == tensor.dtype && other->shape == tensor.shape,
                "a tensor reads the same");
    fuzz::check_same(bytes_of(reader, tensor), bytes_of(again, *other));
  }
}

// What the commands show of a tensor.
void show(const Reader& reader, const TensorInfo& tensor) {
  constexpr std::size_t kMostAxes = 64;  // a text of several lines for each
  const std::byte* data = reader.data(tensor);
  if (tensor.shape.size() <= kMostAxes) {
    const std::string text = print_values(tensor.dtype, tensor.shape, data);
    fuzz::check(!text.empty() && text.find('\0') == std::string::npos, "values print as text");
  }
  const std::uint64_t count = element_count(tensor.shape);
  const Statistics all = statistics(tensor.dtype, data, count, WithSpread::yes);
  fuzz::check(all.count == count && all.nans + all.infinities <= count && all.zeros <= count,
              "counts are of the tensor's elements");
  fuzz::check(all.min <= all.max, "the least value is not above the greatest");
  fuzz::check((all.finite() == count) == (first_not_finite(tensor.dtype, data, count) == count),
              "both find what is not finite");
  attention_entropy(tensor, data, all);
}

}  // namespace

void fuzz::capture(std::string_view bytes) {
  const std::string path = file_of(bytes);
  const auto read = [&] {
    const Reader reader(path);
    check_tensors(reader, bytes.size());
    check_round_trip(reader);
    for (const TensorInfo& tensor : reader.tensors()) show(reader, tensor);
  };
  if (!reads(path, read)) return;
  reads(path, [&] {
    const CaptureFile capture(path);
    std::size_t calls = 0;
    for (const CaptureFile::Entry& entry : capture.entries()) {
      check(!entry.calls.empty(), "each key has a call");
      calls += entry.calls.size();
    }
    check(calls == capture.file().tensors().size(), "each tensor is one key's call");
  });
}
