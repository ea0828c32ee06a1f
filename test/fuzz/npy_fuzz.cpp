// SPDX-License-Identifier: MIT
#include "core/npy.h"

#include "fuzz/fuzz.h"

void fuzz::npy(std::string_view bytes) {
  using namespace anycapture;
  const std::string path = file_of(bytes);
  npy::Array array;
  const auto read = [&] {
    const npy::Header header = npy::inspect(path);
    check(header.data_start + header.bytes == bytes.size(), "the elements end with the file");
    array = npy::read(path);
    check(array.dtype == header.dtype && array.shape == header.shape &&
              array.bytes.size == header.bytes,
          "the elements are those of the header");
  };
  if (!reads(path, read)) return;
  npy::write(file_to_write(), {"x", array.dtype, array.shape, [&] { return array.bytes; }});
  const npy::Array again = npy::read(file_to_write());
  check(again.dtype == array.dtype && again.shape == array.shape, "the header reads the same");
  check_same(again.bytes, array.bytes);
}
