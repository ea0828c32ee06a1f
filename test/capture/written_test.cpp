// SPDX-License-Identifier: MIT
// CaptureOptions::write_to: captures that go to a file while the model runs.
#include <anycapture/anycapture.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <thread>

#include "core/safetensors_bytes.h"
#include "support/file_size_limit.h"
#include "support/temp_dir.h"
#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

namespace fs = std::filesystem;
using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Captures;
using anycapture::Error;
using anycapture::FileError;
using anycapture::safetensors::contents;
using anycapture::safetensors::put;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

/// Tags what a test gives it, then does to it what the test says.
struct ProbeImpl : torch::nn::Module {
  std::function<void(at::Tensor&)> after = [](at::Tensor&) {};
  at::Tensor forward(at::Tensor x) {
    ANYCAPTURE_TAG(x);
    after(x);
    return x;
  }
};
TORCH_MODULE(Probe);

class WrittenTest : public ::testing::Test {
 protected:
  CaptureOptions options() const {
    CaptureOptions options;
    options.write_to = file_;
    return options;
  }
  /// What a session in memory saves and what a session that writes leaves, of one run.
  void expect_same_file(const std::function<void()>& run, tiny::Model model,
                        CaptureOptions in_memory = {}) {
    CaptureOptions written = in_memory;
    written.write_to = file_;
    Capturer kept(model, "*", in_memory), cap(model, "*", written);
    run();
    EXPECT_FALSE(fs::exists(file_));
    cap.close();
    kept.save(dir_.file("kept"));
    EXPECT_TRUE(contents(file_) == contents(dir_.file("kept")));
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir_.path()), {}));
  }

  support::TempDir dir_;
  std::string file_ = dir_.file("maps.safetensors");
};

TEST_F(WrittenTest, IsByteForByteWhatSaveGives) {
  tiny::Model model(12);  // blocks.10 comes before blocks.2 in the file
  expect_same_file(
      [&] {
        model->forward(input());
        model->blocks[3]->as<tiny::Block>()->forward(input() * 2);
        model->blocks[0]->as<tiny::Block>()->forward(input().to(at::kFloat));
      },
      model);
}

TEST_F(WrittenTest, IsSoWithConversionsToo) {
  tiny::Model model(2);
  CaptureOptions options;
  options.dtype = at::kBFloat16;
  options.keep = anycapture::Keep::clone;
  options.transform = [](const anycapture::Site& site, const at::Tensor& x) {
    return site.what == "attn" ? x.select(0, 0).t() : x;
  };
  expect_same_file([&] { model->forward(input()); }, model, options);
}

TEST_F(WrittenTest, SaysWhatSaveWouldSayBesideItsTensors) {
  tiny::Model model(2);
  anycapture::SaveOptions said;
  said.grid = {{2, 3}};
  said.prefix = 1;
  said.model = "tiny";
  said.image = at::rand({3, 4, 6});
  said.image_mean = {0.5};
  Capturer kept(model, "*"), cap(model, "*", options());
  model->forward(input());
  cap.close(said);
  kept.save(dir_.file("kept"), said);
  EXPECT_TRUE(contents(file_) == contents(dir_.file("kept")));
  EXPECT_EQ(Captures::load(file_).at(":input.0").sizes(), said.image.sizes());
}

TEST_F(WrittenTest, WhatClosingComputesIsNoOpOfTheModel) {
  const auto model = std::make_shared<torch::nn::Module>("plain");  // not hooked: all is its own
  anycapture::SaveOptions said;
  said.image = at::rand({4, 6, 3}).permute({2, 0, 1});  // to be made contiguous
  Capturer other(*model, ":@*"), cap(*model, ":@add", options());
  at::ones({2}).add(1);
  const auto heard = other.keys();
  EXPECT_THAT(heard, ::testing::Contains(":@add"));
  cap.close(said);
  EXPECT_EQ(other.keys(), heard);
  EXPECT_TRUE(at::equal(Captures::load(file_).at(":input.0"), said.image));
}

TEST_F(WrittenTest, WhatItCannotSayIsToldWhileItGoesOnListening) {
  tiny::Model model(2);
  Capturer cap(model, "*", options());
  model->forward(input());
  anycapture::SaveOptions wrong;
  wrong.prefix = -1;
  EXPECT_THAT(message_of<Error>([&] { cap.close(wrong); }), HasSubstr("prefix is -1"));
  wrong.prefix = 1;
  wrong.keys = "*:attn";
  EXPECT_THAT(message_of<Error>([&] { cap.close(wrong); }), HasSubstr("session's selectors"));
  EXPECT_TRUE(cap.is_open());
  wrong.keys = "*";
  Capturer in_memory(model, "*");
  EXPECT_THAT(message_of<Error>([&] { in_memory.close(wrong); }), HasSubstr("save(path, options)"));
  model->forward(input());
  cap.close(wrong);
  EXPECT_EQ(Captures::load(file_).calls("blocks.0.attn:attn").size(), 2u);
}

TEST_F(WrittenTest, HoldsEveryKindOfTensor) {
  const at::Tensor base = at::arange(24, at::kFloat).reshape({4, 6});
  const std::vector<at::Tensor> all{base.t(),
                                    at::empty({0, 7}),
                                    at::tensor(3.5f).reshape({}),
                                    base.to(at::kComplexDouble),
                                    at::quantize_per_tensor(base, 0.5, 0, at::kQInt8),
                                    base.to_sparse(),
                                    base.to(at::kBool),
                                    at::ones({3}, at::requires_grad())};
  Probe model;
  Capturer kept(model, ":x"), cap(model, ":x", options());
  for (const at::Tensor& x : all) model->forward(x);
  cap.close();
  kept.save(dir_.file("kept"));
  EXPECT_TRUE(contents(file_) == contents(dir_.file("kept")));
  EXPECT_EQ(Captures::load(file_).calls(":x").size(), all.size());
}

TEST_F(WrittenTest, KeepsTheValuesOfTheFiring) {
  Probe model;
  model->after = [](at::Tensor& x) { x.add_(1); };
  Capturer cap(model, ":x", options());
  model->forward(at::zeros({2}));
  cap.close();
  EXPECT_TRUE(at::equal(Captures::load(file_)[":x"], at::zeros({2})));
}

TEST_F(WrittenTest, KeepsNoTensorInMemory) {
  Probe model;
  Capturer cap(model, ":x", options());
  at::Tensor x = at::zeros({2});
  const c10::weak_intrusive_ptr<c10::TensorImpl> watched(x.getIntrusivePtr());
  model->forward(x);
  x.reset();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(cap.report().bytes, 8u);
  EXPECT_EQ(cap.report().selectors[0].calls, 1u);
}

TEST_F(WrittenTest, ReadsSayWhereItIs) {
  tiny::Model model(1);
  Capturer cap(model, "Attention", options());
  model->forward(input());
  const std::string message = "\"blocks.0.attn:attn\" is in " + file_ +
                              " and not in memory: close() the session, then read it from "
                              "Captures::load(\"" +
                              file_ + "\")";
  const std::string key = "blocks.0.attn:attn";
  for (const auto& read : std::vector<std::function<void()>>{
           [&] { cap[key]; }, [&] { cap.last(key); }, [&] { cap.calls(key); },
           [&] { cap.stack("*"); }, [&] { *cap.begin(); }, [&] { cap.save(dir_.file("other")); }}) {
    EXPECT_EQ(message_of<Error>(read), message);
  }
  EXPECT_EQ(message_of<Error>([&] { cap.clear(); }),
            "clear(): what was captured is in " + file_ + " and not in memory: leave this out");
  EXPECT_THROW(cap.take(), Error);
  EXPECT_THAT(cap.keys(), ElementsAre(key));
  cap.close();
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(message_of<Error>([&] { cap[key]; }), message);
}

TEST_F(WrittenTest, AnExceptionOfTheForwardLeavesWhatCameBefore) {
  Probe model;
  model->after = [](at::Tensor& x) {
    if (x.numel() == 3) throw std::domain_error("three");
  };
  const auto run = [&] {
    Capturer cap(model, ":x", options());
    model->forward(at::zeros({2}));
    model->forward(at::zeros({3}));
  };
  EXPECT_THROW(run(), std::domain_error);
  EXPECT_EQ(Captures::load(file_).calls(":x").size(), 2u);
  EXPECT_EQ(files(), 1u);
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST_F(WrittenTest, AMoveOverASessionFinishesItsFile) {
  tiny::Model model(1);
  Capturer cap(model, "Attention", options());
  model->forward(input());
  cap = Capturer(model, "Block");
  EXPECT_EQ(Captures::load(file_).size(), 1u);
}

TEST_F(WrittenTest, AFileThatCannotBeFinishedIsToldAndTheOldOneStays) {
  tiny::Model model(1);
  const std::string folder = dir_.file("folder");
  const auto run = [&](bool close) {
    fs::create_directory(folder);
    CaptureOptions options;
    options.write_to = folder + "/maps.safetensors";
    Capturer cap(model, "Attention", options);
    model->forward(input());
    fs::remove_all(folder);
    if (close) cap.close();
    return options.write_to;
  };
  EXPECT_THAT(message_of<FileError>([&] { run(true); }),
              AllOf(HasSubstr(folder), HasSubstr("create the directory")));
  ::testing::internal::CaptureStderr();
  run(false);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("anycapture: warning: " + folder), HasSubstr("create the dir")));
  ::testing::internal::CaptureStderr();
  try {
    Capturer cap = [&] {
      fs::create_directory(folder);
      CaptureOptions options;
      options.write_to = folder + "/maps.safetensors";
      return Capturer(model, "Attention", options);
    }();
    model->forward(input());
    fs::remove_all(folder);
    throw std::domain_error("of the user");
  } catch (const std::domain_error&) {
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("anycapture: warning: "));
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST_F(WrittenTest, AFullDiskEndsTheForwardAndLeavesTheOldFile) {
  put(file_, "old");
  Probe model;
  Capturer cap(model, ":x", options());
  model->forward(at::zeros({500}));
  {
    const support::FileSizeLimit limit(4096);
    EXPECT_THAT(message_of<FileError>([&] { model->forward(at::zeros({1000})); }),
                HasSubstr(file_ + ": cannot write it after 4096 bytes: File too large"));
  }
  EXPECT_THAT(message_of<FileError>([&] { cap.close(); }),
              HasSubstr("could not be written before"));
  EXPECT_FALSE(cap.is_open());
  EXPECT_EQ(contents(file_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WrittenTest, NothingLeavesTheOldFileAndIsToldUnlessIgnored) {
  put(file_, "old");
  tiny::Model model(1);
  const auto said = [&](anycapture::OnSilent on_silent) {
    ::testing::internal::CaptureStderr();
    CaptureOptions quiet = options();
    quiet.on_silent = on_silent;
    { Capturer cap(model, "Attention", quiet); }
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said(anycapture::OnSilent::warn),
              HasSubstr("warning: nothing was captured, so " + file_ + " was not written\n"));
  EXPECT_EQ(said(anycapture::OnSilent::ignore), "");
  EXPECT_EQ(contents(file_), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(WrittenTest, WhatCannotBeIsRefusedAtOnce) {
  tiny::Model model(1);
  CaptureOptions last = options();
  last.keep_last = 3;
  EXPECT_EQ(message_of<Error>([&] { Capturer cap(model, "Attention", last); }),
            "CaptureOptions::keep_last is 3, but write_to asks for all calls in " + file_ +
                ": leave one out");
  CaptureOptions nowhere;
  nowhere.write_to = dir_.file("missing/maps.safetensors");
  EXPECT_THAT(message_of<FileError>([&] { Capturer cap(model, "Attention", nowhere); }),
              HasSubstr("create the directory " + dir_.file("missing")));
  EXPECT_THROW(Capturer(model, "nowhere.*.at", options()), anycapture::SelectorError);
  EXPECT_EQ(files(), 0u);
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST_F(WrittenTest, MayBeClosedOnAnotherThread) {
  Probe model;
  auto cap = std::make_unique<Capturer>(model, ":x", options());
  model->forward(at::zeros({2}));
  std::thread([&] { cap.reset(); }).join();
  model->forward(at::zeros({2}));
  EXPECT_EQ(Captures::load(file_).calls(":x").size(), 1u);
}

}  // namespace
