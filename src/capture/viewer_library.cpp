// SPDX-License-Identifier: MIT
#include "capture/viewer_library.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#ifdef ANYCAPTURE_VIEWER_LIBRARY
#include <dlfcn.h>

#include <filesystem>
#include <system_error>
#endif

namespace anycapture {
namespace capture {
namespace {

#ifdef ANYCAPTURE_VIEWER_LIBRARY
namespace fs = std::filesystem;

using WritePage = decltype(anycapture_write_page);

// By its path: a name alone is searched for on behalf of whoever intercepts dlopen(), as ASan does.
std::string beside_this_library() {
  Dl_info own;
  if (::dladdr(reinterpret_cast<void*>(&beside_this_library), &own) == 0) return "";
  return (fs::path(own.dli_fname).parent_path() / ANYCAPTURE_VIEWER_LIBRARY).string();
}

WritePage* loaded() {
  const std::string path = beside_this_library();
  std::error_code none;
  const bool is_there = fs::exists(path, none);
  void* library =
      ::dlopen(is_there ? path.c_str() : ANYCAPTURE_VIEWER_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : ::dlsym(library, "anycapture_write_page");
  if (symbol != nullptr) return reinterpret_cast<WritePage*>(symbol);
  const char* reason = ::dlerror();
  throw Error(fmt::format(
      "a page is written by " ANYCAPTURE_VIEWER_LIBRARY
      ", which cannot be loaded: {}; install it beside libanycapture, or save() the capture and "
      "make the page elsewhere: anycapture view FILE -o PAGE.html",
      reason == nullptr ? "it is of another version" : reason));
}

WritePage& writer() {
  static WritePage* const found = loaded();
  return *found;
}
#else
auto& writer() {
  return anycapture_write_page;
}
#endif

}  // namespace

std::vector<std::string> write_page(const std::string& path, const viewer::Capture& capture,
                                    const viewer::PageOptions& options) {
  std::vector<std::string> notes;
  writer()(path, capture, options, notes);
  return notes;
}

}  // namespace capture
}  // namespace anycapture
