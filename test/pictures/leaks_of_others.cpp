// SPDX-License-Identifier: MIT
// For AddressSanitizer: what is not ours to free.

/// Fontconfig keeps what it read before it found that its settings are no file.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libfontconfig\n";
}
