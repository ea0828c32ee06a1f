// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>

#include "fuzz/fuzz.h"

void fuzz::metadata(std::string_view bytes) {
  using anycapture::CaptureMetadata;
  std::string text;
  try {
    text = CaptureMetadata::from_json(bytes).to_json();
  } catch (const anycapture::FileError& error) {
    check_message(error.what(), "the metadata entry \"anycapture\"");
    return;
  }
  check(CaptureMetadata::from_json(text).to_json() == text, "what was written reads the same");
}
