// SPDX-License-Identifier: MIT
#include <memory>

#include "core/npz_reader.h"
#include "core/npz_writer.h"
#include "fuzz/fuzz.h"

namespace {

using namespace anycapture;
using npz::Packing;
using npz::TensorInfo;
using safetensors::Bytes;

void check_round_trip(const npz::Reader& reader, const std::vector<Bytes>& contents,
                      Packing packing) {
  std::vector<safetensors::Source> sources;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const TensorInfo& tensor = reader.tensors()[i];
    sources.push_back({tensor.key, tensor.dtype, tensor.shape, [&, i] { return contents[i]; }});
  }
  npz::write(fuzz::file_to_write(), sources, packing);
  const npz::Reader again(fuzz::file_to_write());
  fuzz::check(again.tensors().size() == contents.size(), "as many arrays are read");
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const TensorInfo &a = reader.tensors()[i], &b = again.tensors()[i];
    fuzz::check(a.key == b.key && a.dtype == b.dtype && a.shape == b.shape,
                "an array reads the same");
    fuzz::check_same(contents[i], again.read(b));
  }
}

}  // namespace

void fuzz::npz(std::string_view bytes) {
  constexpr std::uint64_t kDeflatesTo = 1032;  // at best, so many bytes to one
  const std::string path = file_of(bytes);
  std::unique_ptr<npz::Reader> reader;
  std::vector<Bytes> contents;
  const auto read = [&] {
    reader = std::make_unique<npz::Reader>(path);
    std::uint64_t all = 0;
    for (const TensorInfo& tensor : reader->tensors()) all += tensor.bytes;
    check(all / kDeflatesTo <= bytes.size(), "no more is promised than can be unpacked");
    for (const TensorInfo& tensor : reader->tensors()) contents.push_back(reader->read(tensor));
  };
  if (!reads(path, read)) return;
  try {
    check_round_trip(*reader, contents, Packing::kStored);
    check_round_trip(*reader, contents, Packing::kDeflated);
  } catch (const FileError& error) {
    // Names that mean the same to NumPy, `a` and `a.npy`, are read but not written.
    check_message(error.what(), file_to_write() + ": NumPy would take the key ");
  }
}
