// SPDX-License-Identifier: MIT
// Text in, insertions out: each construct of C++ that gives a variable a value.
#include "instrument/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "instrument/rewrite.h"

namespace {

using ::testing::HasSubstr;

struct Case {
  const char* what;
  std::string before, after;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.what;
}

class BodyTest : public ::testing::TestWithParam<Case> {};

TEST_P(BodyTest, IsRewritten) {
  EXPECT_EQ(rewriting::body(GetParam().before), GetParam().after) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Declarations, BodyTest,
    ::testing::Values(
        Case{"one", " Tensor q = g(x);", R"( Tensor q = g(x); $.set("q", 0, q);)"},
        Case{"two", " auto q = g(x), k = h(x);",
             R"( auto q = g(x), k = h(x); $.set("q", 0, q); $.set("k", 0, k);)"},
        Case{"no value", " torch::Tensor q, k;", " torch::Tensor q, k;"},
        Case{"later", " torch::Tensor q; q = x;", R"( torch::Tensor q; q = x; $.set("q", 0, q);)"},
        Case{"braces", " Tensor q{x};", R"( Tensor q{x}; $.set("q", 0, q);)"},
        Case{"like a function", " Tensor q(x);", R"( Tensor q(x); $.set("q", 0, q);)"},
        Case{"a function", " Tensor q(int);", " Tensor q(int);"},
        Case{"const reference", " const auto& q = x;", R"( const auto& q = x; $.set("q", 0, q);)"},
        Case{"rvalue reference", " auto&& q = g(x);", R"( auto&& q = g(x); $.set("q", 0, q);)"},
        Case{"pointer", " Tensor* q = &x;", " Tensor* q = &x;"},
        Case{"pointer beside", " Tensor q = x, *p = &q;",
             R"( Tensor q = x, *p = &q; $.set("q", 0, q);)"},
        Case{"binding", " auto [q, k] = g(x);",
             R"( auto [q, k] = g(x); $.set("q", 0, q); $.set("k", 0, k);)"},
        Case{"binding by reference", " const auto& [q, _] = g(x);",
             R"( const auto& [q, _] = g(x); $.set("q", 0, q);)"},
        Case{"number", " int64_t n = x.size(0); const double d = 1;",
             " int64_t n = x.size(0); const double d = 1;"},
        Case{"literal", " auto n = 3; auto s = \"a\";", " auto n = 3; auto s = \"a\";"},
        Case{"attribute", " [[maybe_unused]] auto q = g(x);",
             R"( [[maybe_unused]] auto q = g(x); $.set("q", 0, q);)"},
        Case{"static", " static Tensor q = g(x);", " static Tensor q = g(x);"},
        Case{"constexpr", " constexpr auto n = g(3);", " constexpr auto n = g(3);"},
        Case{"on several lines", " auto q = g(x,\n  y)\n  ;  // as said",
             " auto q = g(x,\n  y)\n  ; $.set(\"q\", 0, q);  // as said"}));

INSTANTIATE_TEST_SUITE_P(
    Assignments, BodyTest,
    ::testing::Values(
        Case{"plain", " x = g(x);", R"( x = g(x); $.set("x", 0, x);)"},
        Case{"compound", " x += y; x <<= y;",
             R"( x += y; $.set("x", 0, x); x <<= y; $.set("x", 1, x);)"},
        Case{"a number to it", " x *= 2;", R"( x *= 2; $.set("x", 0, x);)"},
        Case{"member", " this->cache_ = x;",
             R"( this->cache_ = x; $.set("cache_", 0, this->cache_);)"},
        Case{"field", " s.h = x;", R"( s.h = x; $.set_field("s", 0, s, "s.h", s.h);)"},
        Case{"field behind a pointer", " p->h = x;", R"( p->h = x; $.set("p.h", 0, p->h);)"},
        Case{"chain", " Tensor a, b; a = b = x;",
             R"( Tensor a, b; a = b = x; $.set("a", 0, a); $.set("b", 0, b);)"},
        Case{"comma", " x = g(x), y = g(y);",
             R"( x = g(x), y = g(y); $.set("x", 0, x); $.set("y", 0, y);)"},
        Case{"hidden in a ternary", " x.defined() ? x = g(y) : y = g(x);",
             " x.defined() ? x = g(y) : y = g(x); $.touch(\"x\", 0, x); $.touch(\"y\", 0, y);"},
        Case{"hidden in a call", " auto q = g(y = x);",
             R"( auto q = g(y = x); $.set("q", 0, q); $.touch("y", 0, y);)"},
        Case{
            "tie", " std::tie(x, std::ignore, this->c_) = g();",
            R"( std::tie(x, std::ignore, this->c_) = g(); $.set("x", 0, x); $.set("c_", 0, this->c_);)"},
        Case{"tie in a tuple", " std::forward_as_tuple(x, std::tie(y, this->c_)) = g();",
             " std::forward_as_tuple(x, std::tie(y, this->c_)) = g(); $.set(\"x\", 0, x); "
             "$.set(\"y\", 0, y); $.set(\"c_\", 0, this->c_);"},
        Case{"element", " x[0][1] = y;", R"( x[0][1] = y; $.set("x", 0, x);)"},
        Case{"index", " x.index({0, Slice()}) = y;",
             R"( x.index({0, Slice()}) = y; $.set("x", 0, x);)"},
        Case{"get", " std::get<0>(t) = x;", R"( std::get<0>(t) = x; $.set("t", 0, t);)"},
        Case{"optional", " *o = x;", R"( *o = x; $.set("o", 0, o);)"},
        Case{"of what a call gives", " g(x) = y;", " g(x) = y;"},
        Case{"a block of its own", " { x = g(x); }", R"( { x = g(x); $.set("x", 0, x); })"},
        Case{"label", " again: x = g(x);", R"( again: x = g(x); $.set("x", 0, x);)"}));

INSTANTIATE_TEST_SUITE_P(
    Calls, BodyTest,
    ::testing::Values(
        Case{"in place", " x.softmax_(-1);", R"( x.softmax_(-1); $.set("x", 0, x);)"},
        Case{"in place, of a member", " this->h.mul_(2);",
             R"( this->h.mul_(2); $.set("h", 0, this->h);)"},
        Case{"in place through a view", " x.view(-1).add_(y);",
             R"( x.view(-1).add_(y); $.touch("x", 0, x);)"},
        Case{"free in place", " torch::relu_(x);", R"( torch::relu_(x); $.set("x", 0, x);)"},
        Case{"out", " torch::add_out(x, y, y);", R"( torch::add_out(x, y, y); $.set("x", 0, x);)"},
        Case{"container", " v.push_back(x);", R"( v.push_back(x); $.set("v", 0, v);)"},
        Case{"swap", " std::swap(x, y);",
             R"( std::swap(x, y); $.set("x", 0, x); $.set("y", 0, y);)"},
        Case{"unknown function", " compute(x, 3, y);",
             R"( compute(x, 3, y); $.touch("x", 0, x); $.touch("y", 0, y);)"},
        Case{"a function's name is no variable", " apply(compute, x);",
             R"( apply(compute, x); $.touch("x", 0, x);)"},
        Case{"torch does not write", " torch::manual_seed(x);", " torch::manual_seed(x);"},
        Case{"a tag", " ANYCAPTURE_TAG(x);", " ANYCAPTURE_TAG(x);"},
        Case{"perhaps counts last", " x = g(x); check(x); x = h(x);",
             " x = g(x); $.set(\"x\", 0, x); check(x); $.touch(\"x\", 2, x); x = h(x); "
             "$.set(\"x\", 1, "
             "x);"}));

INSTANTIATE_TEST_SUITE_P(
    Structures, BodyTest,
    ::testing::Values(
        Case{"if", " if (c) x = g(x); else y = h(y);",
             R"( if (c) { x = g(x); $.set("x", 0, x); } else { y = h(y); $.set("y", 0, y); })"},
        Case{
            "if in if", " if (c) if (d) x = g(x); else x = h(x);",
            R"( if (c) if (d) { x = g(x); $.set("x", 0, x); } else { x = h(x); $.set("x", 1, x); })"},
        Case{"for", " for (int i = 0; i < 3; ++i) x = g(x);",
             R"( for (int i = 0; i < 3; ++i) { x = g(x); $.set("x", 0, x); })"},
        Case{"for of a tensor", " for (Tensor t = x; t.defined(); t = g(t)) { h(1); }",
             " for (Tensor t = x; t.defined(); t = g(t)) { $.set(\"t\", 0, t); h(1); }"},
        Case{"range for", " for (auto& t : v) { h(1); }",
             R"( for (auto& t : v) { $.set("t", 0, t); h(1); })"},
        Case{"range for without braces", " for (auto t : v) x = t;",
             R"( for (auto t : v) { $.set("t", 0, t); { x = t; $.set("x", 0, x); } })"},
        Case{"range for over numbers", " for (int i : v) x = g(i);",
             R"( for (int i : v) { x = g(i); $.set("x", 0, x); })"},
        Case{"range for of a binding", " for (auto& [k, v] : m) { }",
             R"( for (auto& [k, v] : m) { $.set("k", 0, k); $.set("v", 0, v); })"},
        Case{"while", " while (c) x = g(x);", R"( while (c) { x = g(x); $.set("x", 0, x); })"},
        Case{"do", " do x = g(x); while (c);", R"( do { x = g(x); $.set("x", 0, x); } while (c);)"},
        Case{"switch", " switch (n) { case 0: x = g(x); break; default: x = h(x); }",
             " switch (n) { case 0: x = g(x); $.set(\"x\", 0, x); break; default: x = h(x); "
             "$.set(\"x\", 1, x); }"},
        Case{"switch without braces", " switch (n) case 0: x = g(x);", "as it was"},
        Case{
            "if with a variable", " if (auto t = g(x); t.defined()) { h(1); } else y = t;",
            R"( if (auto t = g(x); t.defined()) { $.set("t", 0, t); h(1); } else { $.set("t", 1, t); { y = t; $.set("y", 0, y); } })"},
        Case{
            "try", " try { x = g(x); } catch (const E& e) { x = h(x); }",
            " try { x = g(x); $.set(\"x\", 0, x); } catch (const E& e) { x = h(x); $.set(\"x\", 1, "
            "x); }"},
        Case{"a condition", " while ((x = g(x)).defined()) { }",
             R"( while ((x = g(x)).defined()) { $.touch("x", 0, x); } $.touch("x", 1, x);)"},
        Case{"an update", " for (;; x = g(x)) { }",
             R"( for (;; x = g(x)) { $.touch("x", 0, x); } $.touch("x", 1, x);)"},
        Case{"lost", " auto q = g(x); FOREACH(i, n) q = g(q);",
             R"( auto q = g(x); $.step("q", 0, q); FOREACH(i, n) q = g(q);)"},
        Case{"preprocessor", "\n#if A\n x = g(x);\n#else\n x = h(x);\n#endif\n",
             "\n#if A\n x = g(x); $.set(\"x\", 0, x);\n#else\n x = h(x); $.set(\"x\", 1, "
             "x);\n#endif\n"},
        Case{"preprocessor in a branch", " if (c)\n#if A\n x = g(x);\n#else\n x = h(x);\n#endif\n",
             " if (c)\n#if A\n x = g(x);\n#else\n x = h(x);\n#endif\n"},
        Case{"a macro that loops", " FOREACH(i, n) x = g(x);", " FOREACH(i, n) x = g(x);"},
        Case{"a macro with a block", " FOREACH(i, n) { x = g(x); }",
             " FOREACH(i, n) { x = g(x); }"},
        Case{"a line that goes on", " x = \\\n g(x);", " x = \\\n g(x); $.set(\"x\", 0, x);"},
        Case{"line ends of Windows", " x = g(x);\r\n y = g(y);\r\n",
             " x = g(x); $.set(\"x\", 0, x);\r\n y = g(y); $.set(\"y\", 0, y);\r\n"},
        Case{"a raw string", " x = g(R\"(; } \" x = 1;)\");",
             " x = g(R\"(; } \" x = 1;)\"); $.set(\"x\", 0, x);"},
        Case{"a comment in Latin-1", " x = g(x);  // gr\xFC\xDF\n y = g(y);",
             " x = g(x); $.set(\"x\", 0, x);  // gr\xFC\xDF\n y = g(y); $.set(\"y\", 0, y);"},
        Case{"names in UTF-8", " auto größe = g(x);",
             " auto größe = g(x); $.set(\"größe\", 0, größe);"},
        Case{"digraphs", " if (c) <% x = g(x); %>", "as it was"}));

INSTANTIATE_TEST_SUITE_P(
    Lambdas, BodyTest,
    ::testing::Values(Case{"one", " auto l = [&](Tensor t) { auto s = g(t); return s; };",
                           " auto l = [&](Tensor t) { Locals $1(InLambda(), \"f\", 29u); auto s = "
                           "g(t); $1.set(\"s\", "
                           "0, s); return s; };"},
                      Case{"nothing in it", " auto l = [](Tensor t) { return t; };",
                           " auto l = [](Tensor t) { return t; };"},
                      Case{"constexpr",
                           " auto l = [](auto t) constexpr { auto s = g(t); return s; };",
                           " auto l = [](auto t) constexpr { auto s = g(t); return s; };"},
                      Case{"in a macro", " AT_DISPATCH(t, [&] { x = g(x); });",
                           " AT_DISPATCH(t, [&] { x = g(x); });"},
                      Case{"in a lambda", " h([&] { h([&] { x = g(x); }); });",
                           " h([&] { h([&] { Locals $2(InLambda(), \"f\", 29u); x = g(x); "
                           "$2.set(\"x\", 0, x); }); "
                           "});"}));

INSTANTIATE_TEST_SUITE_P(
    Returns, BodyTest,
    ::testing::Values(
        Case{"a variable", " return x;", " $.returning(x); return x;"},
        Case{"a variable in a branch", " if (c) return x;",
             " if (c) { $.returning(x); return x; }"},
        Case{"moved", " return std::move(x);", " $.returning(x); return std::move(x);"},
        Case{"a call", " return g(x, y);", " return $.returned(g(x, y));"},
        Case{"a call in a branch", " if (c) return g(x);", " if (c) return $.returned(g(x));"},
        Case{"braces", " return {x};", " return $.returned_as<Tensor>({x});"},
        Case{"a ternary", " return c ? x : y;", " return $.returned(c ? x : y);"},
        Case{"a comma", " return g(x), y;", " return g(x), y;"},
        Case{"in a lambda", " auto l = [&] { x = g(x); return x; }; return l();",
             " auto l = [&] { Locals $1(InLambda(), \"f\", 29u); x = g(x); $1.set(\"x\", 0, x); "
             "return x; "
             "}; return $.returned(l());"}));

TEST(BodyTest, AMacrosNameIsLeftAlone) {
  const std::string text =
      rewriting::text("#define attn impl_->attn_\nvoid f(Tensor x) { attn = x; }");
  EXPECT_THAT(text, HasSubstr("attn = x; $.returning();"));
}

TEST(BodyTest, AKnownOutParameterIsCertainAndOthersAreNone) {
  const std::string text = rewriting::text(
      "void fill(const Tensor& from, Tensor& into);\nvoid f(Tensor x, Tensor y) { fill(x, y); }");
  EXPECT_THAT(text, HasSubstr(R"(fill(x, y); $.set("y", 0, y); $.returning(); })"));
}

TEST(BodyTest, WhatIsLeftAloneIsSaid) {
  const auto reasons = [](const std::string& body) {
    std::string all;
    for (const auto& one : rewriting::of("void f(Tensor x, Tensor y) {\n" + body + "}").left_alone)
      all += std::to_string(one.line) + " " + one.text + ": " + one.why + "\n";
    return all;
  };
  EXPECT_EQ(reasons("static Tensor q = g(x);\n"), "2 static Tensor q = g(x);: a static variable\n");
  EXPECT_EQ(reasons("FOREACH(i, n) x = g(x);\n"),
            "2 FOREACH(i, n) x = g(x);: its text is not understood\n");
  EXPECT_EQ(reasons("g(x) = y;\n"), "2 g(x) = y;: it assigns to what is no variable\n");
  EXPECT_EQ(reasons("Tensor q(int);\n"),
            "2 Tensor q(int);: q looks like the declaration of a function\n");
}

}  // namespace
