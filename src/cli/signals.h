// SPDX-License-Identifier: MIT
#pragma once

namespace anycapture {
namespace cli {

/// From now on a process that a signal ends, Ctrl-C among them, leaves no half file: it removes
/// what is temporary and dies of the same signal. A signal that was ignored stays so (nohup). One
/// that comes of a mapped file that was cut short ends it with a message and the status of a file.
void handle_signals();

}  // namespace cli
}  // namespace anycapture
