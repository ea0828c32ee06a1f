// SPDX-License-Identifier: MIT
#include "core/sniff.h"

#include "core/npy.h"
#include "core/npz_reader.h"
#include "fuzz/fuzz.h"

// What a reader takes is told to be its format.
void fuzz::sniff(std::string_view bytes) {
  using namespace anycapture;
  const std::string path = file_of(bytes);
  const FileKind kind = anycapture::sniff(path);
  check_message(no_capture(path, kind), path + ": is a");
  if (reads(path, [&] { const safetensors::Reader reader(path); })) {
    check(kind == FileKind::kSafetensors, "a safetensors file is told to be one");
  }
  if (reads(path, [&] { npy::inspect(path); })) {
    check(kind == FileKind::kNpy, "a .npy file is told to be one");
  }
}
