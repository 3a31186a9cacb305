// SPDX-License-Identifier: Apache-2.0
//
// ptxsim-cases FOLDER [--simulate]: the instruction cases as JSON, for the GPU suite, which runs the same modules
// through the driver; with --simulate also what the simulator answers. Cases that must end in a fault run on no GPU and
// are left out. Numbers that may need 64 bits are hexadecimal strings.
#include "tests/ptxsim/cases/Simulate.h"
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>

using namespace ptxsim;

static std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (char letter : text) {
    if (letter == '\n') {
      out += "\\n";
      continue;
    }
    if (letter == '"' || letter == '\\')
      out += '\\';
    out += letter;
  }
  return out + "\"";
}

static std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "\"%llx\"", static_cast<unsigned long long>(value));
  return text;
}

static std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

/// Elements of `values` by `print`, in brackets.
template <typename Values, typename Print>
static std::string list(const Values &values, Print print) {
  std::string out = "[";
  for (const auto &value : values)
    out += (out.size() > 1 ? ", " : "") + print(value);
  return out + "]";
}

static std::string column(const Column &column) {
  return "{\"name\": " + quoted(column.name) + ", \"type\": " + quoted(column.type) + ", \"values\": " +
         list(column.values,
              [](const std::optional<uint64_t> &value) { return value ? hexadecimal(*value) : "null"; }) +
         "}";
}

static std::string printed(const Case &test, bool simulated) {
  std::string out =
      "{\"title\": " + quoted(test.title()) + ", \"architecture\": " + std::to_string(test.architecture) +
      ", \"threads\": " + std::to_string(test.threads) + ", \"memory_bytes\": " + std::to_string(test.memoryBytes) +
      ", \"tolerance\": " + decimal(test.tolerance) + ",\n  \"ptx\": " + quoted(moduleText(test)) +
      ",\n  \"inputs\": " + list(inputWords(test), hexadecimal) + ",\n  \"outputs\": " + list(test.outputs, column) +
      ",\n  \"opcodes\": " + list(statements(test), [](const Statement &each) { return quoted(each.opcode); });
  if (simulated)
    out += ",\n  \"simulated\": " + list(simulate(test), hexadecimal);
  return out + "}";
}

int main(int count, char **arguments) {
  bool simulated = count == 3 && !std::strcmp(arguments[2], "--simulate");
  if (count != 2 && !simulated) {
    std::cerr << "usage: ptxsim-cases FOLDER [--simulate]\n";
    return 2;
  }
  try {
    const char *separator = "[";
    for (const Case &test : readCaseFolder(arguments[1]))
      if (test.fault.empty()) {
        std::cout << separator << printed(test, simulated);
        separator = ",\n";
      }
    std::cout << "]\n";
  } catch (const std::exception &error) {
    std::cerr << "ptxsim-cases: error: " << error.what() << "\n";
    return 1;
  }
}
