// SPDX-License-Identifier: MIT
// usage: npz_tool FROM TO [deflated]
//
// Converts between .safetensors, .npz and .npy (of one tensor), by the endings.
#include <anycapture/error.h>
#include <anycapture/safetensors.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/npy.h"
#include "core/npz_reader.h"
#include "core/npz_writer.h"

namespace {

using anycapture::safetensors::Bytes;
using anycapture::safetensors::Source;
using anycapture::safetensors::TensorInfo;
namespace npy = anycapture::npy;
namespace npz = anycapture::npz;
namespace safetensors = anycapture::safetensors;

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

std::vector<Source> sources_of(const std::string& path) {
  std::vector<Source> sources;
  if (ends_with(path, ".npz")) {
    auto reader = std::make_shared<const npz::Reader>(path);
    for (const npz::TensorInfo& tensor : reader->tensors()) {
      sources.push_back({tensor.key, tensor.dtype, tensor.shape,
                         [reader, &tensor] { return reader->read(tensor); }});
    }
  } else if (ends_with(path, ".npy")) {
    const npy::Header header = npy::inspect(path);
    sources.push_back(
        {"array", header.dtype, header.shape, [path] { return npy::read(path).bytes; }});
  } else {
    auto reader = std::make_shared<const safetensors::Reader>(path);
    for (const TensorInfo& tensor : reader->tensors()) {
      sources.push_back({tensor.key, tensor.dtype, tensor.shape, [reader, &tensor] {
                           return Bytes{reader->data(tensor), tensor.bytes, reader->mapping()};
                         }});
    }
  }
  return sources;
}

void convert(const std::string& from, const std::string& to, npz::Packing packing) {
  const std::vector<Source> sources = sources_of(from);
  if (ends_with(to, ".npz")) {
    npz::write(to, sources, packing);
  } else if (ends_with(to, ".npy")) {
    npy::write(to, sources.at(0));
  } else {
    safetensors::write(to, sources);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: npz_tool FROM TO [deflated]\n";
    return 2;
  }
  try {
    convert(argv[1], argv[2], argc > 3 ? npz::Packing::kDeflated : npz::Packing::kStored);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 3;
  }
}
