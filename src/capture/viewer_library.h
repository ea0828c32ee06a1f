// SPDX-License-Identifier: MIT
// The viewer, for a session that writes a page.
#pragma once

#include <string>
#include <vector>

#include "viewer/page.h"

namespace anycapture {
namespace capture {

/// viewer::write_page(). Shared libraries are loaded at the first call, so that who writes no page
/// needs neither the viewer nor what it draws with. Throws Error when they cannot be loaded.
std::vector<std::string> write_page(const std::string& path, const viewer::Capture& capture,
                                    const viewer::PageOptions& options);

}  // namespace capture
}  // namespace anycapture
