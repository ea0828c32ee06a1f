// SPDX-License-Identifier: MIT
#pragma once

// Before a function: one binary for all x86-64 machines, which uses wider registers where they are.
// Not under the thread sanitizer, which cannot start a program that chooses functions as it is
// loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define ANYCAPTURE_WIDER [[gnu::target_clones("arch=x86-64-v4", "avx2", "default")]]
#else
#define ANYCAPTURE_WIDER
#endif
