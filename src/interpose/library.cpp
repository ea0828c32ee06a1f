// SPDX-License-Identifier: MIT
#include "interpose/library.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include <link.h>

namespace anycapture {
namespace interpose {
namespace {

std::string build_id_of(const dl_phdr_info& object, const ElfW(Phdr) & notes) {
  const auto* at = reinterpret_cast<const char*>(object.dlpi_addr + notes.p_vaddr);
  const auto* end = at + notes.p_memsz;
  const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
  while (at + sizeof(ElfW(Nhdr)) <= end) {
    const auto& note = *reinterpret_cast<const ElfW(Nhdr)*>(at);
    const char* owner = at + sizeof note;
    const char* value = owner + padded(note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && std::string(owner) == "GNU") {
      std::string text;
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(value[i]));
        text += digits;
      }
      return text;
    }
    at = value + padded(note.n_descsz);
  }
  return "";
}

struct Seen {
  Library library;
  bool holds_it = false;
};

struct Walk {
  const void* address;
  std::vector<Seen> seen;
};

int look_at(dl_phdr_info* object, std::size_t, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  Seen seen{{object->dlpi_name, "", walk.seen.size()}};
  const auto address = reinterpret_cast<std::uintptr_t>(walk.address);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    const std::uintptr_t begin = object->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= begin && address < begin + part.p_memsz)
      seen.holds_it = true;
    if (part.p_type == PT_NOTE && seen.library.build_id.empty())
      seen.library.build_id = build_id_of(*object, part);
  }
  walk.seen.push_back(seen);
  return 0;
}

std::vector<Seen> walk(const void* address) {
  Walk walk{address, {}};
  dl_iterate_phdr(look_at, &walk);
  return walk.seen;
}

}  // namespace

Library library_with(const void* address) {
  const auto all = walk(address);
  const auto found =
      std::find_if(all.begin(), all.end(), [](const Seen& seen) { return seen.holds_it; });
  return found == all.end() ? Library() : found->library;
}

std::vector<Library> libraries_named(const std::string& name) {
  std::vector<Library> found;
  for (const Seen& seen : walk(nullptr)) {
    if (file_name(seen.library.path).compare(0, name.size(), name) == 0)
      found.push_back(seen.library);
  }
  return found;
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace interpose
}  // namespace anycapture
