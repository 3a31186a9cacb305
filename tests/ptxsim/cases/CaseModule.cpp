// SPDX-License-Identifier: Apache-2.0
//
// A case as a module and its buffers, and what came out against what had to.
#include "tests/ptxsim/Numbers.h"
#include "tests/ptxsim/cases/Case.h"
#include <cctype>
#include <cstdio>
#include <sstream>

namespace ptxsim {

int columnBytes(const std::string &type);

namespace {

std::string address(const char *base, const Case &test, size_t column) {
  return std::string("[%") + base + "+" + std::to_string(8 * size_t(test.threads) * column) + "]";
}

std::string storageType(const std::string &type) { return "b" + std::to_string(8 * columnBytes(type)); }

void declare(std::ostream &out, const Column &column) {
  out << "  .reg ." << column.type << " %" << column.name << ";\n";
}

void load(std::ostream &out, const Case &test, size_t index) {
  const Column &column = test.inputs[index];
  declare(out, column);
  std::string from = address("inputs_", test, index);
  if (column.type == "pred")
    out << "  ld.global.u32 %word_, " << from << ";\n  setp.ne.u32 %" << column.name << ", %word_, 0;\n";
  else
    out << "  ld.global." << storageType(column.type) << " %" << column.name << ", " << from << ";\n";
}

void store(std::ostream &out, const Case &test, size_t index) {
  const Column &column = test.outputs[index];
  std::string to = address("outputs_", test, index);
  if (column.type == "pred")
    out << "  selp.u32 %word_, 1, 0, %" << column.name << ";\n  st.global.u32 " << to << ", %word_;\n";
  else
    out << "  st.global." << storageType(column.type) << " " << to << ", %" << column.name << ";\n";
}

bool agrees(const Case &test, const Column &column, uint64_t expected, uint64_t got) {
  if (expected == got)
    return true;
  if (test.tolerance == 0 || (column.type != "f32" && column.type != "f64"))
    return false;
  bool single = column.type == "f32";
  double want = single ? asFloat(uint32_t(expected)) : asDouble(expected);
  double have = single ? asFloat(uint32_t(got)) : asDouble(got);
  return std::isnormal(want) && std::fabs(have - want) <= test.tolerance * std::fabs(want);
}

std::string hexadecimal(uint64_t bits) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(bits));
  return text;
}

} // namespace

std::string moduleText(const Case &test) {
  std::ostringstream out;
  out << ".version 8.8\n.target sm_" << test.architecture << "\n.address_size 64\n\n"
      << test.module << ".visible .entry run(.param .u64 inputs, .param .u64 outputs, .param .u64 memory)\n.maxntid "
      << test.threads << ", 1, 1\n{\n"
      << "  .reg .b64 %inputs_, %outputs_, %memory, %offset_;\n  .reg .b32 %thread, %word_;\n";
  if (test.sharedBytes)
    out << "  .shared .align 128 .b8 shared[" << test.sharedBytes << "];\n";
  for (const char *name : {"inputs", "outputs"})
    out << "  ld.param.u64 %" << name << "_, [" << name << "];\n  cvta.to.global.u64 %" << name << "_, %" << name
        << "_;\n";
  out << "  ld.param.u64 %memory, [memory];\n  cvta.to.global.u64 %memory, %memory;\n"
      << "  mov.u32 %thread, %tid.x;\n  mul.wide.u32 %offset_, %thread, 8;\n"
      << "  add.s64 %inputs_, %inputs_, %offset_;\n  add.s64 %outputs_, %outputs_, %offset_;\n";
  for (size_t i = 0; i < test.inputs.size(); ++i)
    load(out, test, i);
  for (const Column &column : test.outputs)
    declare(out, column);
  out << "  {\n" << test.code << "  }\n";
  for (size_t i = 0; i < test.outputs.size(); ++i)
    store(out, test, i);
  out << "  ret;\n}\n";
  return out.str();
}

std::vector<uint64_t> inputWords(const Case &test) {
  std::vector<uint64_t> words;
  for (const Column &column : test.inputs)
    for (const std::optional<uint64_t> &value : column.values)
      words.push_back(value.value_or(0));
  return words;
}

std::string compareOutputs(const Case &test, const std::vector<uint64_t> &words) {
  std::string report;
  int differences = 0;
  for (size_t i = 0; i < test.outputs.size(); ++i)
    for (size_t thread = 0; thread < size_t(test.threads); ++thread) {
      const Column &column = test.outputs[i];
      uint64_t got = words.at(i * size_t(test.threads) + thread);
      const std::optional<uint64_t> &expected = column.values.at(thread);
      if (!expected || agrees(test, column, *expected, got) || ++differences > 4)
        continue;
      report += column.name + " of thread " + std::to_string(thread) + ": expects " + hexadecimal(*expected) +
                ", but got " + hexadecimal(got) + ";";
      for (const Column &input : test.inputs)
        report += " " + input.name + " = " + hexadecimal(input.values[thread].value_or(0));
      report += "\n";
    }
  if (differences > 4)
    report += "and " + std::to_string(differences - 4) + " more\n";
  return report;
}

std::vector<Statement> statements(const Case &test) {
  std::vector<Statement> found;
  std::istringstream pieces(test.module + test.code);
  for (std::string piece; std::getline(pieces, piece, ';');) {
    std::istringstream words(piece);
    std::string word;
    // Braces of scopes, labels, guards and the headers of functions stand before an opcode.
    while (words >> word && (std::string("@{}.(").find(word[0]) != std::string::npos || word.back() == ':' ||
                             word.find_first_of("()") != std::string::npos))
      ;
    std::string operands;
    std::getline(words, operands);
    if (std::islower(static_cast<unsigned char>(word[0])))
      found.push_back({word, operands});
  }
  return found;
}

} // namespace ptxsim
