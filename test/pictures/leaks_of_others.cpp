// SPDX-License-Identifier: MIT
// For AddressSanitizer: what is not ours to free.

/// Fontconfig keeps what it read before it found that its settings are no file.
extern "C" [[gnu::visibility("default")]] const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() {
  return "leak:libfontconfig\n";
}
