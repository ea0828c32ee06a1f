// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <png.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "support/zip_bytes.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace anycapture {
namespace {

using support::message_of;
using support::TempDir;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string data(const std::string& name) {
  return support::data("images/") + name;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::array<int, 3> color(const Image& image, int x, int y) {
  const std::uint8_t* pixel = image.pixel(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}

// Red, green, blue and white quarters, up to what JPEG changes.
void expect_four_colors(const Image& image) {
  ASSERT_EQ(image.width, 32);
  ASSERT_EQ(image.height, 32);
  const auto near = [&image](int x, int y, std::array<int, 3> expected) {
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(color(image, x, y)[c], expected[c], 6) << x << ", " << y << ", channel " << c;
    }
  };
  near(4, 4, {255, 0, 0});
  near(27, 4, {0, 255, 0});
  near(4, 27, {0, 0, 255});
  near(27, 27, {255, 255, 255});
}

TEST(ReadImage, ReadsJpeg) {
  expect_four_colors(read_image(data("blocks.jpg")));
  expect_four_colors(read_image(data("progressive.jpg")));
}

TEST(ReadImage, ConvertsCmyk) {
  expect_four_colors(read_image(data("cmyk.jpg")));
}

TEST(ReadImage, TurnsAJpegUpright) {
  expect_four_colors(read_image(data("turned.jpg")));
}

TEST(ReadImage, MakesGreyRgb) {
  const Image jpeg = read_image(data("grey.jpg"));
  EXPECT_EQ(jpeg.rgb.size(), 3u * 32 * 32);
  EXPECT_EQ(jpeg.pixel(4, 4)[0], jpeg.pixel(4, 4)[2]);
  EXPECT_THAT(read_image(data("grey.png")).rgb,
              ElementsAre(0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255));
  EXPECT_THAT(read_image(data("grey_16.png")).rgb,
              ElementsAre(0, 0, 0, 0x55, 0x55, 0x55, 0xAA, 0xAA, 0xAA, 255, 255, 255));
  EXPECT_THAT(read_image(data("one_bit.png")).rgb,
              ElementsAre(0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0));
}

TEST(ReadImage, LaysTransparentPartsOverWhite) {
  EXPECT_THAT(read_image(data("alpha.png")).rgb,
              ElementsAre(255, 0, 0, 127, 255, 127, 255, 255, 255, 255, 255, 255));
}

TEST(ReadImage, LooksUpPalettes) {
  EXPECT_THAT(read_image(data("palette.png")).rgb,
              ElementsAre(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255));
}

TEST(ReadImage, GoesByContentNotByName) {
  const TempDir dir;
  write_bytes(dir.file("picture.png"), bytes_of(data("blocks.jpg")));
  expect_four_colors(read_image(dir.file("picture.png")));
}

TEST(ReadImage, SaysWhatIsNoPicture) {
  const TempDir dir;
  const std::string path = dir.file("model.jpg");
  const auto message = [&] { return message_of<FileError>([&] { read_image(path); }); };
  EXPECT_THAT(message(), AllOf(StartsWith(path + ": cannot be read"), HasSubstr("check")));
  write_bytes(path, "");
  EXPECT_THAT(message(), AllOf(StartsWith(path + ": is empty"), HasSubstr("JPEG or PNG")));
  write_bytes(path, "RIFF1234WAVE");
  EXPECT_THAT(message(),
              AllOf(StartsWith(path + ": is neither JPEG nor PNG"),
                    HasSubstr("bytes 52 49 46 46 31 32 33 34)"), HasSubstr("convert it")));
  write_bytes(path, "BMW");
  EXPECT_THAT(message(), StartsWith(path + ": is neither JPEG nor PNG"));
  EXPECT_THAT(message_of<FileError>([&] { read_image(dir.path().string()); }),
              StartsWith(dir.path().string() + ": is a folder: name a JPEG or PNG in it"));
  EXPECT_EQ(message_of<FileError>([] { read_image(""); }),
            "the path is empty: give the path of a file");
}

TEST(ReadImage, NamesOtherKindsOfPictures) {
  const TempDir dir;
  const std::string path = dir.file("picture");
  const auto kind = [&](const std::string& start) {
    write_bytes(path, start + std::string(20, '\0'));
    return message_of<FileError>([&] { read_image(path); }).substr(path.size());
  };
  const auto is = [](const std::string& name) {
    return ": is " + name + " picture; convert it to JPEG or PNG";
  };
  EXPECT_EQ(kind("RIFF1234WEBP"), is("a WebP"));
  EXPECT_EQ(kind("GIF89a"), is("a GIF"));
  EXPECT_EQ(kind("BM1234"), is("a BMP"));
  EXPECT_EQ(kind("II*"), is("a TIFF"));
  EXPECT_EQ(kind(std::string("MM\0*", 4)), is("a TIFF"));
  EXPECT_EQ(kind("1234ftypheic"), is("a HEIC"));
  EXPECT_EQ(kind("1234ftypmif1"), is("a HEIC or AVIF"));
  EXPECT_EQ(kind("1234ftypavif"), is("an AVIF"));
  EXPECT_THAT(kind("1234ftypisom"), StartsWith(": is neither JPEG nor PNG"));
}

TEST(ReadImage, DoesNotWaitForAPipe) {
  const TempDir dir;
  const std::string pipe = dir.file("pipe.png");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(message_of<FileError>([&] { read_image(pipe); }),
            pipe + ": is no regular file: give the path of a JPEG or PNG");
}

// Both tests change one file in place: to write it anew each time is slow on some file systems.
TEST(ReadImage, RefusesEveryFileThatIsCutShort) {
  const TempDir dir;
  for (const char* name : {"blocks.jpg", "progressive.jpg", "scene.png"}) {
    const std::string whole = bytes_of(data(name));
    const std::string path = dir.file(name);
    write_bytes(path, whole);
    for (std::size_t size = whole.size() - 1; size >= 8; --size) {
      std::filesystem::resize_file(path, size);
      const std::string message = message_of<FileError>([&] { read_image(path); });
      EXPECT_THAT(message, AllOf(StartsWith(path + ": "), HasSubstr("again")))
          << name << " of " << size << " bytes";
      if (size == whole.size() / 2) {
        EXPECT_THAT(message, HasSubstr("ends before the picture is complete"));
      }
    }
  }
}

TEST(ReadImage, DamagedBytesNeverCrash) {
  const TempDir dir;
  for (const char* name : {"turned.jpg", "progressive.jpg", "cmyk.jpg", "scene.png"}) {
    const std::string whole = bytes_of(data(name));
    const std::string path = dir.file(name);
    write_bytes(path, whole);
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto put = [&file](std::size_t at, int byte) {
      file.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(byte)).flush();
    };
    for (std::size_t i = 4; i < whole.size(); ++i) {
      put(i, whole[i] ^ 0x55);
      try {
        const Image image = read_image(path);
        EXPECT_EQ(image.rgb.size(), 3u * static_cast<unsigned>(image.width * image.height));
      } catch (const FileError& error) {
        EXPECT_THAT(error.what(), StartsWith(path + ": "));
      }
      put(i, whole[i]);
    }
    EXPECT_TRUE(bytes_of(path) == whole);
  }
}

TEST(ReadImage, ReadsOnePixel) {
  EXPECT_EQ(read_image(data("scene_1x1.png")).rgb.size(), 3u);
  const Image image = read_image(data("one.jpg"));
  ASSERT_EQ(image.rgb.size(), 3u);
  EXPECT_NEAR(image.rgb[0], 255, 3);
  EXPECT_NEAR(image.rgb[1], 0, 3);
  const Image ready = timm_preprocess(image, 16);
  EXPECT_EQ(ready.rgb.size(), 3u * 16 * 16);
  EXPECT_EQ(color(ready, 15, 15), color(image, 0, 0));
}

TEST(ReadImage, RefusesHugePicturesByTheirHeader) {
  EXPECT_THAT(message_of<FileError>([&] { read_image(data("huge.png")); }),
              AllOf(StartsWith(data("huge.png")), HasSubstr("60000 x 60000"),
                    HasSubstr("at most 100 million"), HasSubstr("smaller")));
  std::string jpeg = bytes_of(data("blocks.jpg"));
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xEA\x60\xEA\x60");
  const TempDir dir;
  write_bytes(dir.file("huge.jpg"), jpeg);
  EXPECT_THAT(message_of<FileError>([&] { read_image(dir.file("huge.jpg")); }),
              HasSubstr("60000 x 60000"));
}

TEST(ReadImage, TakesNoMemoryForMorePixelsThanAPngCanHold) {
  std::string png = bytes_of(data("scene_1x1.png"));
  png.replace(16, 8, std::string("\0\0\x27\x0F\0\0\x27\x0F", 8));
  const std::uint32_t sum = npz::checksum_of(png.substr(12, 17));
  for (std::size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<char>(sum >> (24 - 8 * i));
  const TempDir dir;
  write_bytes(dir.file("bomb.png"), png);
  EXPECT_THAT(message_of<FileError>([&] { read_image(dir.file("bomb.png")); }),
              HasSubstr("ends before the picture is complete (69 bytes cannot hold 9999 x 9999 "
                        "pixels); copy"));
}

// Of one pixel, with a text of 7.9 MB that packs to 8 KB, so many times.
std::string png_with_texts(const std::string& path, int count) {
  std::string text(7'900'000, 'x');
  std::FILE* file = std::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, 1, 1, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  char key[] = "k";
  png_text entry{};
  entry.compression = PNG_TEXT_COMPRESSION_zTXt;
  entry.key = key;
  entry.text = text.data();
  entry.text_length = text.size();
  png_set_text(png, info, &entry, 1);
  png_write_info(png, info);
  png_byte pixel = 0x55;
  png_write_row(png, &pixel);
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  std::fclose(file);

  std::string bytes = bytes_of(path);
  const std::size_t start = bytes.find("zTXt") - 4, end = bytes.find("IDAT") - 4;
  const std::string chunk = bytes.substr(start, end - start);
  for (int i = 1; i < count; ++i) bytes.insert(start, chunk);
  return bytes;
}

// Of this process, in kB, since it was last asked for.
long peak_memory() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line) && line.compare(0, 6, "VmHWM:") != 0) {
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return std::stol(line.substr(6));
}

TEST(ReadImage, PassesOverTextsWithoutUnpackingThem) {
  const TempDir dir;
  const std::string path = dir.file("texts.png");
  write_bytes(path, png_with_texts(path, 60));
  peak_memory();
  const long before = peak_memory();
  EXPECT_EQ(read_image(path).rgb.size(), 3u);
  EXPECT_LT(peak_memory() - before, 100'000);
}

// Progressive, 8 x 8 pixels of grey: each scan says again that the mean of the block is as it was.
std::string jpeg_of_scans(int scans) {
  using namespace std::string_literals;
  std::string jpeg = "\xFF\xD8\xFF\xDB\0\x43\0"s + std::string(64, '\1') +
                     "\xFF\xC2\0\x0B\x08\0\x08\0\x08\1\1\x11\0"s + "\xFF\xC4\0\x14\0\1"s +
                     std::string(16, '\0');
  for (int i = 0; i < scans; ++i) jpeg += "\xFF\xDA\0\x08\1\1\0\0\0\0\x7F"s;
  return jpeg + "\xFF\xD9";
}

TEST(ReadImage, RefusesMoreScansThanEncodersMake) {
  const TempDir dir;
  const std::string path = dir.file("scans.jpg");
  write_bytes(path, jpeg_of_scans(100));
  EXPECT_EQ(color(read_image(path), 7, 7), color(read_image(path), 0, 0));
  write_bytes(path, jpeg_of_scans(101));
  EXPECT_THAT(message_of<FileError>([&] { read_image(path); }),
              HasSubstr("is damaged (it has more than 100 scans)"));
}

TEST(WritePng, IsReadBackAsItWas) {
  const TempDir dir;
  const Image image = read_image(data("scene.png"));
  write_png(dir.file("copy.png"), image);
  EXPECT_EQ(read_image(dir.file("copy.png")).rgb, image.rgb);
  write_png(dir.file("one.png"), {1, 1, {1, 2, 3}});
  EXPECT_THAT(read_image(dir.file("one.png")).rgb, ElementsAre(1, 2, 3));
}

TEST(WritePng, RefusesAnImageWhoseValuesDoNotFit) {
  const TempDir dir;
  EXPECT_THAT(message_of<Error>([&] {
                write_png(dir.file("a.png"), {2, 2, {1, 2, 3}});
              }),
              HasSubstr("2 x 2 pixels with 3 values"));
  EXPECT_THAT(message_of<Error>([&] { write_png(dir.file("a.png"), {}); }),
              HasSubstr("at least one pixel"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace anycapture
