// SPDX-License-Identifier: Apache-2.0
//
// Instruction cases: files of a few lines of PTX, what goes in and what must come out. README.md beside this says how
// they are written. A case becomes a whole PTX module with one entry point, so the simulator and a GPU run the same
// text.
#ifndef FALLOFF_TESTS_PTXSIM_CASES_CASE_H
#define FALLOFF_TESTS_PTXSIM_CASES_CASE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ptxsim {

/// A register of every thread, loaded before the code or stored after it.
struct Column {
  std::string name, type; ///< type as "s32", "pred"
  /// By thread, as bits; of an output, nothing where the manual leaves it open.
  std::vector<std::optional<uint64_t>> values;
};

struct Case {
  std::string file, name; ///< "integer/add.s32 wraps around"
  int line = 0;
  std::string module; ///< declarations before the entry point
  std::string code;
  std::vector<Column> inputs, outputs;
  int threads = 32;
  int sharedBytes = 0, memoryBytes = 0;
  int architecture = 80; ///< the least that has the instruction
  double tolerance = 0;  ///< relative, of f32 and f64 outputs; what is not a normal number must agree exactly
  std::string fault;     ///< the simulator's fault that the code must end in; such a case runs on no GPU

  std::string title() const { return file + "/" + name; }
};

/// Bytes of global memory a case may ask for hold this before: byte i.
inline uint8_t memoryByte(int i) { return uint8_t(7 * i + 3); }

/// Reads one file; `name` goes before the names of its cases. Throws std::runtime_error "name:line: message".
std::vector<Case> readCases(const std::string &name, const std::string &text);
/// All files *.case of a folder, in the order of their names.
std::vector<Case> readCaseFolder(const std::string &folder);

/// The module; its entry `run` takes the addresses of inputs, outputs and memory. Inputs and outputs hold 8 bytes for
/// each [column][thread], of which a narrower type uses the lower ones.
std::string moduleText(const Case &test);
std::vector<uint64_t> inputWords(const Case &test);

/// An empty string if `words`, [column][thread], are what the case expects, else a line for each of the first
/// differences.
std::string compareOutputs(const Case &test, const std::vector<uint64_t> &words);

/// An instruction of a case's own text: "add.s32" and "%d, %a, %b".
struct Statement {
  std::string opcode, operands;
};
std::vector<Statement> statements(const Case &test);

} // namespace ptxsim

#endif
