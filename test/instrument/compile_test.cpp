// SPDX-License-Identifier: MIT
// The compiler's command, run on the copy: with a shell script in the compiler's place.
#include "instrument/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class CompileTest : public ::testing::Test {
 protected:
  // A compiler that keeps the source it was given, and a depfile that names it.
  CompileTest() {
    write("cc", R"(#!/bin/sh
out= dep= source=
for a in "$@"; do
  case $before in -o) out=$a ;; -MF) dep=$a ;; esac
  case $a in *.cpp) source=$a ;; esac
  before=$a
done
echo "$@" >> arguments
if grep -q no_such_name "$source"; then echo "$source:1:1: error: no_such_name" >&2; exit 1; fi
if grep -q refuse_copies "$source" && grep -q Locals "$source"; then
  echo "copy:1:1: error: refused" >&2; exit 1
fi
if grep -q take_all_memory "$source" && grep -q Locals "$source"; then
  echo "cc: fatal error: Killed signal terminated program cc1plus" >&2; exit 1
fi
echo "a warning of $source" >&2
cp "$source" "$out"
echo "$out: $source" > "$dep"
)");
    fs::permissions(folder_ / "cc", fs::perms::owner_all);
    fs::current_path(folder_);
  }
  ~CompileTest() override { fs::current_path("/"); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  int compile(const std::vector<std::string>& more = {},
              const std::vector<fs::path>& headers = {}) {
    std::vector<std::string> arguments{"./cc", "-O2", "-MF", "a.d", "-o", "a.o", "-c", "src/a.cpp"};
    arguments.insert(arguments.begin() + 1, more.begin(), more.end());
    ::testing::internal::CaptureStderr();
    const int status = anycapture::instrument::compile(arguments, headers);
    said_ = ::testing::internal::GetCapturedStderr();
    return status;
  }

  support::TempDir temp_;
  fs::path folder_ = temp_.path();
  std::string said_;
};

TEST_F(CompileTest, TheCopyIsCompiledAndTheOriginalNamed) {
  write("src/a.cpp", "Tensor f(Tensor x) {\n  return x;\n}\n");
  EXPECT_EQ(compile(), 0);
  EXPECT_THAT(read("a.o"), HasSubstr("Locals anycapture_"));
  EXPECT_THAT(read("a.o"), HasSubstr("#line 1 \"src/a.cpp\""));
  EXPECT_EQ(read("a.d"), "a.o: src/a.cpp\n");
  EXPECT_THAT(said_, HasSubstr("a warning of"));
}

TEST_F(CompileTest, ASourceWithNothingToNameIsCompiledItself) {
  write("src/a.cpp", "int main() { return 0; }\n");
  EXPECT_EQ(compile(), 0);
  EXPECT_EQ(read("a.o"), read("src/a.cpp"));
}

TEST_F(CompileTest, AnErrorIsThatOfTheOriginal) {
  write("src/a.cpp", "Tensor f(Tensor x) { return no_such_name; }\n");
  EXPECT_EQ(compile(), 1);
  EXPECT_EQ(said_, "src/a.cpp:1:1: error: no_such_name\n");
}

TEST_F(CompileTest, ACopyThatDoesNotCompileDoesNotStopTheBuild) {
  write("src/a.cpp", "Tensor f(Tensor refuse_copies) { return refuse_copies; }\n");
  EXPECT_EQ(compile(), 0);
  EXPECT_EQ(read("a.o"), read("src/a.cpp"));
  EXPECT_THAT(said_, HasSubstr("no local of it can be captured"));
  EXPECT_THAT(said_, HasSubstr("error: refused"));
}

TEST_F(CompileTest, ACompilerThatWasKilledStopsTheBuild) {
  write("src/a.cpp", "Tensor f(Tensor take_all_memory) { return take_all_memory; }\n");
  EXPECT_EQ(compile(), 1);
  EXPECT_THAT(said_, HasSubstr("Killed signal"));
  EXPECT_FALSE(fs::exists(folder_ / "a.o"));  // no object without its locals
}

TEST_F(CompileTest, WhatIsLeftAloneIsSaid) {
  write("src/a.cpp", "Tensor f(Tensor x) {\n  static Tensor y = g(x);\n  return x;\n}\n");
  EXPECT_EQ(compile(), 0);
  EXPECT_THAT(said_, HasSubstr("src/a.cpp:2: note: anycapture: f: left alone: "
                               "static Tensor y = g(x);: a static variable"));
}

TEST_F(CompileTest, IncludesLeadWhereTheyLed) {
  write("src/a.cpp", "#include \"b.h\"\n#include <c.h>\nTensor f(Tensor x) { return x; }\n");
  write("src/b.h", "int beside;\n");
  write("include/c.h", "int angle;\n");
  EXPECT_EQ(compile({"-Iinclude"}), 0);
  EXPECT_THAT(read("a.o"), HasSubstr("#include \"" + (folder_ / "src/b.h").string() + "\""));
  EXPECT_THAT(read("a.o"), HasSubstr("#include <c.h>"));
}

TEST_F(CompileTest, AHeaderThatWasNotNamedIsNotedForReports) {
  const std::string block =
      "struct BlockImpl : Module {\n  Tensor forward(Tensor x) { Tensor y = g(x); return y; }\n"
      "  Tensor again(Tensor x) { Tensor y = g(x); return y; }\n  int size() { return 1; }\n};\n";
  write("include/block.h", block);
  write("include/number.h", "struct Number { Tensor* held; int get() { return 1; } };\n");
  write("src/a.cpp", "#include <block.h>\n#include <number.h>\nint n;");
  EXPECT_EQ(compile({"-Iinclude"}), 0);
  const std::string header = (folder_ / "include/block.h").string();
  EXPECT_EQ(read("a.o"),
            "#line 1 \"src/a.cpp\"\n#include <block.h>\n#include <number.h>\nint n;\n"
            "#include <anycapture/detail/unnamed_header.h>\n"
            "[[maybe_unused]] static const bool anycapture_unnamed_headers_[] = {\n"
            "  ::anycapture::detail::note_unnamed_header(\"BlockImpl\", \"" +
                header + "\"),\n};\n");
  EXPECT_EQ(compile({"-Iinclude"}, {folder_ / "include/block.h"}), 0);
  EXPECT_THAT(read("a.o"), Not(HasSubstr("note_unnamed_header")));
}

TEST_F(CompileTest, EveryWayToANamedHeaderLeadsToItsCopy) {
  write("src/a.cpp", "#include \"b.h\"\n#include <c.h>\nint n;\n");
  write("src/b.h", "#include <c.h>\n");
  write("include/c.h", "inline Tensor f(Tensor x) { return x; }\n");
  EXPECT_EQ(compile({"-Iinclude"}, {folder_ / "include/c.h"}), 0);
  std::string copies;
  for (const auto& one : fs::recursive_directory_iterator(folder_ / "a.o.anycapture")) {
    if (one.path().extension() == ".h") copies += one.path().filename().string() + " ";
  }
  EXPECT_THAT(copies, HasSubstr("c.h"));
  EXPECT_THAT(copies, HasSubstr("b.h"));
  EXPECT_THAT(read("a.o"), Not(HasSubstr("<c.h>")));
}

TEST_F(CompileTest, AnIncludeThatIsComputedIsLookedForBesideTheOriginal) {
  write("src/a.cpp", "#include NAME\nTensor f(Tensor x) { return x; }\n");
  EXPECT_EQ(compile(), 0);
  EXPECT_THAT(read("arguments"), HasSubstr("-iquote src/."));
}

TEST_F(CompileTest, OtherCommandsRunAsTheyAre) {
  write("src/a.cpp", "Tensor f(Tensor x) { return x; }\n");
  EXPECT_EQ(compile({"-E"}), 0);
  EXPECT_EQ(read("a.o"), read("src/a.cpp"));
  EXPECT_EQ(compile({"-x", "c++-header"}), 0);
  EXPECT_EQ(read("a.o"), read("src/a.cpp"));
}

}  // namespace
