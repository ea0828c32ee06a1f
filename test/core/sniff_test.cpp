// SPDX-License-Identifier: MIT
#include "core/sniff.h"

#include <anycapture/error.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/npz_writer.h"
#include "core/safetensors_bytes.h"
#include "support/zip_bytes.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using npz::zip_of;
using safetensors::contents;
using safetensors::put;

const std::string kData = support::data("");

class SniffTest : public testing::Test {
 protected:
  FileKind kind_of(const std::string& bytes) {
    put(path_, bytes);
    return sniff(path_);
  }
  FileKind kind_of_zip(const std::vector<std::string>& names) {
    std::vector<npz::ZipEntry> entries;
    for (const std::string& name : names) entries.push_back({name, "x"});
    return kind_of(zip_of(entries));
  }

  support::TempDir folder_;
  std::string path_ = folder_.file("x");
};

TEST_F(SniffTest, KnowsRealFiles) {
  const std::vector<std::pair<std::string, FileKind>> table{
      {"format/golden.safetensors", FileKind::kSafetensors},
      {"vit/timm_weights.safetensors", FileKind::kSafetensors},
      {"npz/stored.npz", FileKind::kNpz},
      {"npz/deflated.npz", FileKind::kNpz},
      {"npz/empty.npz", FileKind::kNpz},
      {"npz/columns.npy", FileKind::kNpy},
      {"npz/objects.npy", FileKind::kNpy},
      {"npz/make_reference.py", FileKind::kText},
      {"images/scene.png", FileKind::kPng},
      {"images/blocks.jpg", FileKind::kJpeg},
      {"format/README.md", FileKind::kText},
      {"format/anycapture.schema.json", FileKind::kJson},
  };
  for (const auto& [file, kind] : table) EXPECT_EQ(sniff(kData + file), kind) << file;
}

// The members as PyTorch 2.13 writes them.
TEST_F(SniffTest, TellsZipFilesByTheirMembers) {
  EXPECT_EQ(kind_of_zip({"ck/data.pkl", "ck/.format_version", "ck/byteorder", "ck/data/0"}),
            FileKind::kCheckpoint);
  EXPECT_EQ(kind_of_zip({"ts/data/0", "ts/data.pkl", "ts/code/__torch__/torch/nn/modules/linear.py",
                         "ts/constants.pkl", "ts/version"}),
            FileKind::kTorchScript);
  EXPECT_EQ(kind_of_zip({"ex/data/weights/weight_0", "ex/models/model.json",
                         "ex/data/sample_inputs/model.pt", "ex/archive_format", "ex/byteorder"}),
            FileKind::kExported);
  EXPECT_EQ(
      kind_of_zip({"serialized_exported_program.json", "serialized_state_dict.pt", "version"}),
      FileKind::kExported);
  EXPECT_EQ(kind_of_zip({"notes.txt", "a.npy"}), FileKind::kNpz);
  EXPECT_EQ(kind_of_zip({"notes.txt", "data.pkl", "code/x.py"}), FileKind::kZip);
  EXPECT_EQ(kind_of(zip_of({{"a.npy", "x"}}).substr(0, 40)), FileKind::kDamagedZip);
}

TEST_F(SniffTest, KnowsFilesByHowTheyBegin) {
  EXPECT_EQ(kind_of(""), FileKind::kEmpty);
  EXPECT_EQ(kind_of(std::string("\x80\2\x8A\x0Al\xFC\x9C"
                                "F\xF9 j\xA8P\x19.",
                                14)),
            FileKind::kPickle);
  EXPECT_EQ(kind_of("\x80\4\x95\x0B"), FileKind::kPickle);
  EXPECT_EQ(kind_of("\x89HDF\r\n\x1A\n..."), FileKind::kHdf5);
  EXPECT_EQ(kind_of("\x1F\x8B\x08..."), FileKind::kGzip);
  EXPECT_EQ(kind_of("  {\"a\": 1}"), FileKind::kJson);
  EXPECT_EQ(kind_of("[1, 2]"), FileKind::kJson);
  EXPECT_EQ(kind_of("h"), FileKind::kText);
  EXPECT_EQ(kind_of("na\xC3\xAFve\n"), FileKind::kText);
  EXPECT_EQ(kind_of("na\xEFve\n"), FileKind::kUnknown);
  EXPECT_EQ(kind_of(std::string("\0\1\2", 3)), FileKind::kUnknown);
  EXPECT_EQ(kind_of("\x7F"
                    "ELF\2\1\1"),
            FileKind::kUnknown);
}

TEST_F(SniffTest, DoesNotTakeAHeaderOf640BytesForAPickle) {
  const std::string header = "{}" + std::string(638, ' ');
  EXPECT_EQ(kind_of(safetensors::file_of(header, "")), FileKind::kSafetensors);
  EXPECT_EQ(kind_of(safetensors::file_of(header, "").substr(0, 100)), FileKind::kUnknown);
  EXPECT_EQ(kind_of(safetensors::length_of(2) + "no"), FileKind::kUnknown);
  EXPECT_EQ(kind_of(safetensors::length_of(2)), FileKind::kUnknown);
}

// A length of 35,615 bytes begins as gzip does, 1F 8B; others as JPEG and zip files do.
TEST_F(SniffTest, TakesNoHeadersLengthForAnotherFormat) {
  for (const std::size_t length : {0x8B1F, 0xFFD8FF, 0x04034B50}) {
    put(path_, safetensors::length_of(length) + "{}");
    std::filesystem::resize_file(path_, 8 + length);
    EXPECT_EQ(sniff(path_), FileKind::kSafetensors) << length;
  }
  const std::string late = std::string(10'000, ' ') + "{}";
  EXPECT_EQ(kind_of(safetensors::file_of(late, "")), FileKind::kSafetensors);
}

TEST_F(SniffTest, DoesNotMindACharacterThatIsCutWhereItStopsLooking) {
  std::string text;
  while (text.size() < 10'000) text += "\xE6\xB3\xA8";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(kind_of(text.insert(0, "x")), FileKind::kText);
  EXPECT_EQ(kind_of(text.substr(0, 1000) + "\xFF" + text), FileKind::kUnknown);
}

TEST_F(SniffTest, SaysWhatToDo) {
  EXPECT_EQ(no_capture("a/x.npz", FileKind::kNpz),
            "a/x.npz: is a NumPy .npz file: anycapture convert a/x.npz a/x.safetensors makes a "
            "capture of it");
  EXPECT_EQ(no_capture("x.pt", FileKind::kCheckpoint),
            "x.pt: is a PyTorch checkpoint: in Python, safetensors.torch.save_file(torch.load("
            "\"x.pt\"), \"x.safetensors\") makes a file of it that can be read");
  EXPECT_EQ(no_capture("x", FileKind::kUnknown),
            "x: is a file of an unknown format: give the path of a .safetensors file");
  for (int kind = 0; kind <= static_cast<int>(FileKind::kUnknown); ++kind) {
    EXPECT_FALSE(name(static_cast<FileKind>(kind)).empty());
  }
}

TEST_F(SniffTest, NeverWaits) {
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(support::message_of<FileError>([&] { sniff(pipe); }),
            pipe + ": is no regular file: give the path of a file");
  EXPECT_THAT(support::message_of<FileError>([&] { sniff(folder_.file("none")); }),
              testing::HasSubstr("No such file"));
}

}  // namespace
}  // namespace anycapture
