// SPDX-License-Identifier: Apache-2.0
//
// Every instruction case in the simulator, each as a test of its own; that every opcode which the simulator implements
// has a case; and that the reader of cases says no to what is none.
#include "tests/ptxsim/Fault.h"
#include "tests/ptxsim/Simulator.h"
#include "tests/ptxsim/cases/Expression.h"
#include "tests/ptxsim/cases/Simulate.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

using namespace ptxsim;

namespace {

class InstructionCase : public testing::Test {
public:
  explicit InstructionCase(const Case &test) : test(test) {}

  void TestBody() override {
    try {
      std::vector<uint64_t> outputs = simulate(test);
      if (!test.fault.empty())
        FAIL() << "expects a fault of " << test.fault << ", but got none\n" << moduleText(test);
      std::string differences = compareOutputs(test, outputs);
      EXPECT_EQ(differences, "") << test.code;
    } catch (const Fault &fault) {
      EXPECT_EQ(name(fault.kind), test.fault.empty() ? "no fault" : test.fault) << fault.what();
    }
  }

private:
  Case test;
};

/// Opcodes with their suffixes in all cases, with the operands of one use.
std::map<std::string, std::string> formsOfCases() {
  std::map<std::string, std::string> forms;
  for (const Case &test : readCaseFolder(FALLOFF_PTX_CASES))
    for (const Statement &statement : statements(test))
      forms.emplace(statement.opcode, statement.operands);
  return forms;
}

TEST(Cases, EveryOpcodeHasACase) {
  std::set<std::string> covered;
  for (const auto &form : formsOfCases())
    covered.insert(form.first.substr(0, form.first.find('.')));
  for (const std::string &opcode : implementedOpcodes())
    EXPECT_TRUE(covered.count(opcode)) << "no case of tests/ptxsim/cases uses " << opcode;
}

/// Whether the simulator takes the opcode with `count` registers of one type as operands.
bool accepts(const std::string &opcode, const std::string &registerType, size_t count) {
  std::string text = ".version 8.4\n.target sm_90\n.address_size 64\n.visible .entry run()\n{\n  .reg ." +
                     registerType + " %r<8>;\n  " + opcode;
  for (size_t i = 0; i < count; ++i)
    text += (i ? ", %r" : " %r") + std::to_string(i);
  try {
    Module::parse(text + ";\n  ret;\n}\n");
    return true;
  } catch (const Fault &) {
    return false;
  }
}

/// The opcode with another type in place of its last suffix, if that is a type.
std::vector<std::string> neighbours(const std::string &opcode) {
  static const std::vector<std::string> types = {"u16", "s16", "b16",   "u32",  "s32",    "b32", "u64", "s64",
                                                 "b64", "f16", "f16x2", "bf16", "bf16x2", "f32", "f64", "pred"};
  size_t dot = opcode.rfind('.') + 1;
  std::vector<std::string> out;
  if (std::find(types.begin(), types.end(), opcode.substr(dot)) != types.end())
    for (const std::string &type : types)
      out.push_back(opcode.substr(0, dot) + type);
  return out;
}

// The decoder is asked for each form of a case in every other type; what it takes needs a case of its own. This reaches
// instructions whose operands are registers of one width, which is most arithmetic. Conversions have two types, and so
// more forms than are of use: those that kernels hold are compared with the cases in tests/python.
TEST(Cases, EveryFormNearACaseHasACase) {
  std::map<std::string, std::string> forms = formsOfCases();
  std::set<std::string> asked;
  for (const auto &[form, operands] : forms) {
    if (operands.find_first_of("[{|!") != std::string::npos || form.compare(0, 4, "cvt.") == 0)
      continue;
    size_t count = size_t(std::count(operands.begin(), operands.end(), ',')) + 1;
    for (const std::string &near : neighbours(form))
      for (const char *registers : {"b16", "b32", "b64", "f32", "f64", "pred"})
        if (asked.insert(near + registers).second && !forms.count(near)) {
          EXPECT_FALSE(accepts(near, registers, count)) << "no case of tests/ptxsim/cases uses " << near;
        }
  }
  EXPECT_GT(asked.size(), 1000u);
}

TEST(Cases, TitlesAreUnique) {
  std::set<std::string> titles;
  for (const Case &test : readCaseFolder(FALLOFF_PTX_CASES))
    EXPECT_TRUE(titles.insert(test.title()).second) << test.title();
}

TEST(Cases, ADifferenceIsReported) {
  const char *text = "case one\ncode add.u32 %d, %a, 1;\nin a:u32\nout d:u32\n1 -> 3\n";
  Case wrong = readCases("file", text).at(0);
  std::string report = compareOutputs(wrong, simulate(wrong));
  EXPECT_NE(report.find("d of thread 0: expects 0x3, but got 0x2; a = 0x1"), std::string::npos) << report;
  EXPECT_NE(report.find("and 28 more"), std::string::npos) << report;
}

TEST(Cases, TolerancesAreRelative) {
  Case test = readCases("file", "case one\ncode mov.f32 %d, %a;\nwithin 2^-10\nin a:f32\nout d:f32\n1 -> 1000\n").at(0);
  std::vector<uint64_t> words(32, 0x447a0000);
  EXPECT_EQ(compareOutputs(test, words), "");
  words[3] = 0x447a3000; // 1000.75
  EXPECT_EQ(compareOutputs(test, words), "");
  words[3] = 0x447a8000; // 1002
  EXPECT_NE(compareOutputs(test, words), "");
}

void expectRefused(const char *text, const char *message) {
  try {
    readCases("file", text);
    ADD_FAILURE() << "expects an error for\n" << text;
  } catch (const std::runtime_error &error) {
    EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
  }
}

TEST(Cases, WhatIsNoCaseIsRefused) {
  expectRefused("code add;\n", "file:1: expects 'case' first, but got 'code'");
  expectRefused("case x\nin a:s12\n", "file:2: expects a type of a register, but got 's12'");
  expectRefused("case x\nin a:u16\nout d:u16\n65536 -> 1\n", "expects a value of .u16, but got '65536'");
  expectRefused("case x\nin a:u16\nout d:u16\n1 2\n", "expects 1 values, '->' and 1, but got '1 2'");
  expectRefused("case x\nout d:u16\neach d = 1 +\n", "no number is named ''");
  expectRefused("case x\nout d:u16\neach e = 1\n", "expects a column of 'in' or 'out', but got 'e'");
  expectRefused("case x\nout d:u16\n", "expects values of 'd', but got none");
  expectRefused("case x\ncode ret;\n", "expects a case with 'out' or 'fault', but 'x' has neither");
}

TEST(Cases, Expressions) {
  Names names = {{"l", 5}};
  EXPECT_EQ(evaluate("1 + 2 * 3 - -4", names), 11);
  EXPECT_EQ(evaluate("l << 4 | l & 3 ^ 1", names), 80); // ^ binds weaker than &
  EXPECT_EQ(evaluate("l > 4 && l <= 5 ? 10 : 20", names), 10);
  EXPECT_EQ(evaluate("l == 4 || l != 5 ? 10 : l % 2 ? 30 : 40", names), 30);
  EXPECT_EQ(evaluate("(1 << l) - 1 >> 2", names), 7);
  EXPECT_EQ(evaluate("bf16(3) | f16(-1) << 16", names), 0xbc004040);
  EXPECT_EQ(evaluate("u32(~0) / 2", names), 0x7fffffff);
  EXPECT_THROW(evaluate("1 / 0", names), std::runtime_error);
  EXPECT_THROW(evaluate("1 2", names), std::runtime_error);
}

/// A name that GoogleTest takes: letters, digits and underscores.
std::string testName(const std::string &title) {
  std::string out;
  for (char letter : title)
    out += std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
  return out;
}

} // namespace

int main(int count, char **arguments) {
  testing::InitGoogleTest(&count, arguments);
  for (const Case &test : readCaseFolder(FALLOFF_PTX_CASES))
    testing::RegisterTest(testName(test.file).c_str(), testName(test.name).c_str(), nullptr, nullptr,
                          (std::string(FALLOFF_PTX_CASES "/") + test.file + ".case").c_str(), test.line,
                          [test]() -> testing::Test * { return new InstructionCase(test); });
  return RUN_ALL_TESTS();
}
