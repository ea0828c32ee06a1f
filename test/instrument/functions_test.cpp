// SPDX-License-Identifier: MIT
#include "instrument/functions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "instrument/rewrite.h"

namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string opening(const std::string& source) {
  const std::string text = rewriting::text(source);
  const std::size_t at = text.find("Locals $");
  return at == std::string::npos ? "" : text.substr(at, text.find(';', at) - at);
}

std::string why(const std::string& source) {
  const auto left = rewriting::of(source).left_alone;
  return left.empty() ? "" : left[0].why;
}

const std::string kClass =
    "struct A : Module { Tensor f(Tensor x); static Tensor s(Tensor x); };\n";

TEST(FunctionsTest, AMethodHasAThisAndAFreeFunctionNone) {
  EXPECT_EQ(opening("Tensor f(Tensor x) { return x; }"), "Locals $(\"f\", 19u, \"x\", x)");
  EXPECT_EQ(opening("struct A { Tensor f(Tensor x) { return x; } };"),
            "Locals $(this, \"f\", 30u, \"x\", x)");
  EXPECT_THAT(opening("struct A { static Tensor f(Tensor x) { return x; } };"),
              Not(HasSubstr("this")));
  EXPECT_THAT(opening("struct A { friend Tensor f(Tensor x) { return x; } };"),
              Not(HasSubstr("this")));
  EXPECT_THAT(opening(kClass + "Tensor A::f(Tensor x) { return x; }"), HasSubstr("this"));
  EXPECT_THAT(opening(kClass + "Tensor A::s(Tensor x) { return x; }"), Not(HasSubstr("this")));
  EXPECT_THAT(opening("namespace n { }\nTensor n::f(Tensor x) { return x; }"),
              Not(HasSubstr("this")));
  EXPECT_THAT(opening("template <class T> struct A { Tensor f(T); };\n"
                      "template <class T> Tensor A<T>::f(T x) { return x; }"),
              HasSubstr("this"));
}

TEST(FunctionsTest, ParametersWithoutANameKeepTheirPlace) {
  EXPECT_THAT(opening("Tensor f(Tensor, const Tensor& y, A&&... rest) { return y; }"),
              HasSubstr("\",y,rest...\", Unnamed(), y, rest..."));
}

TEST(FunctionsTest, WhatCannotBeInstrumentedSaysWhy) {
  EXPECT_THAT(why("Tensor A::f(Tensor x) { return x; }"), HasSubstr("A is declared neither here"));
  EXPECT_THAT(why(kClass + "Tensor A::g(Tensor x) { return x; }"),
              HasSubstr("by a macro, or not at all"));
  EXPECT_THAT(why("struct A { A(Tensor x) { y = x; } Tensor y; };"), HasSubstr("a constructor"));
  EXPECT_THAT(why("struct A { ~A() { y = x; } Tensor y; };"), HasSubstr("a destructor"));
  EXPECT_THAT(why("struct A { Tensor operator+(Tensor x) { return x; } };"),
              HasSubstr("an operator"));
  EXPECT_THAT(why("constexpr int f(int x) { auto y = g(x); return y; }"), HasSubstr("constexpr"));
  EXPECT_THAT(why("Tensor f(Tensor x) noexcept { return x; }"), HasSubstr("noexcept"));
  EXPECT_THAT(why("Task f(Tensor x) { co_return x; }"), HasSubstr("coroutine"));
  EXPECT_THAT(why("A::A() try : a(1) { x = g(); } catch (...) { }"),
              HasSubstr("function-try-block"));
  EXPECT_THAT(why("struct A { MACRO_HERE\n static Tensor f(Tensor x) { return x; } };"),
              HasSubstr("not understood"));
}

TEST(FunctionsTest, ReturnsDependOnTheType) {
  const auto returned = [](const std::string& type, const std::string& value) {
    const std::string text = rewriting::text(type + " f(Tensor x) { return " + value + "; }");
    return text.substr(text.find("x); ") + 4);
  };
  EXPECT_EQ(returned("std::tuple<Tensor, Tensor>", "{x, x}"),
            "return $.returned_as<std::tuple<Tensor, Tensor>>({x, x}); }");
  EXPECT_EQ(returned("const Tensor&", "g(x)"), "return $.returned_reference(g(x)); }");
  EXPECT_EQ(returned("Tensor&", "x"), "$.returning(x); return x; }");
  EXPECT_EQ(returned("Output", "{x}"),
            "return $.returned_from([&]() -> Output { return {x}; }); }");
  EXPECT_EQ(returned("auto", "g(x)"), "return $.returned_from([&]{ return g(x); }); }");
  EXPECT_EQ(returned("decltype(auto)", "(g(x))"), "return (g(x)); }");
  EXPECT_EQ(returned("int64_t", "x.size(0)"), "return x.size(0); }");
  EXPECT_EQ(returned("Tensor*", "&x"), "return &x; }");
}

}  // namespace
