// SPDX-License-Identifier: Apache-2.0
//
// What the files of instructions/ decode with: the suffixes of an opcode, and its operands as rows. Each suffix has to
// be taken and each operand read by someone; one that is left over is a fault, as is an operand of the wrong width.
#ifndef FALLOFF_TESTS_PTXSIM_DECODER_H
#define FALLOFF_TESTS_PTXSIM_DECODER_H

#include "tests/ptxsim/Fault.h"
#include "tests/ptxsim/Module.h"
#include "tests/ptxsim/Syntax.h"

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ptxsim {

/// The parts of an opcode after its first word.
class Suffixes {
public:
  explicit Suffixes(std::string_view opcode);

  const std::string &base() const { return first; }
  bool take(std::string_view suffix);
  /// The index of the one that is there, or -1.
  int takeOne(std::initializer_list<std::string_view> suffixes);
  std::optional<Type> takeType(); ///< the first suffix that is a type
  /// `.rn` and its like; with `toWhole` also `.rni` and its like, and whether it was one of those.
  Rounding takeRounding(Rounding otherwise = Rounding::nearest, bool *found = nullptr, bool *toWhole = nullptr);
  const std::vector<std::string> &left() const { return parts; }

private:
  std::string first;
  std::vector<std::string> parts;
};

class Decoder;
using Decode = void (*)(Decoder &, Suffixes &, Instruction &);
using DecodeTable = std::unordered_map<std::string, Decode>;

/// What a name of a function's body means.
struct Symbol {
  enum class Kind { Register, Shared, Local, Parameter, Variable } kind = Kind::Register;
  uint32_t row = 0;
  Type type = Type::B32; ///< of a register
  int64_t offset = 0;    ///< of a variable in its space
  int64_t bytes = 0;     ///< of parameters and locals
  int variable = -1;     ///< of Kind::Variable
};

class Decoder {
public:
  Decoder(const ModuleSyntax &syntax, ModuleCode &module, const FunctionSyntax &function, FunctionCode &code,
          const std::unordered_map<std::string, Symbol> &moduleSymbols);
  void decodeFunction();

  // ---- for instructions/

  const StatementSyntax &statement() const { return *current; }
  const OperandSyntax &operand(size_t index) const;
  size_t operands() const { return current->operands.size(); }
  [[noreturn]] void unsupported(const std::string &what) const;
  [[noreturn]] void syntax(const std::string &what) const;

  /// Appends an operand to the instruction. Destinations come before sources, sources before constants.
  void destination(Instruction &out, const OperandSyntax &operand, Type type, bool wider = false);
  void source(Instruction &out, const OperandSyntax &operand, Type type, bool wider = false);
  /// A predicate as source; its negation goes to `negated`.
  void predicateSource(Instruction &out, const OperandSyntax &operand, bool &negated);
  /// `[base+offset]`: the base as a source, the offset as the immediate.
  void address(Instruction &out, const OperandSyntax &operand, Space space);
  /// An immediate integer, or nothing.
  std::optional<uint64_t> constant(const OperandSyntax &operand) const;
  int64_t requireConstant(const OperandSyntax &operand) const;

  bool isPredicate(const OperandSyntax &operand) const;
  int registerBytes(const OperandSyntax &operand) const; ///< 0: it is none

  /// Destinations d and sources a, b, ... of one type, in the order of the text.
  void simple(Instruction &out, Type type, int sources);

  uint32_t label(const OperandSyntax &operand) const;
  uint32_t branchTable(const OperandSyntax &operand);
  const Symbol *lookUp(const std::string &name, int scope) const;
  uint32_t constantRow(uint64_t value, int bytes, int variable = -1);
  uint32_t scratchRow(); ///< for results that nobody wants (`_`)
  size_t callee(const std::string &name) const;
  void checkCall(const CallCode &call) const; ///< as many arguments and results as its function has
  FunctionCode &functionCode() { return code; }

private:
  void declareRegisters();
  void declareVariables();
  void decodeStatement(const StatementSyntax &statement);
  void findLabels();
  void findLoops();
  uint32_t registerRow(const std::string &name, int scope, Type &type) const;
  std::optional<uint32_t> specialRow(const std::string &name);
  uint32_t addRows(int count);
  void append(Instruction &out, uint32_t row, bool destination, bool wide);
  void checkWidth(const std::string &name, Type registerType, Type type, bool wider) const;

  const ModuleSyntax &syntaxTree;
  ModuleCode &module;
  const FunctionSyntax &function;
  FunctionCode &code;
  const std::unordered_map<std::string, Symbol> &moduleSymbols;
  std::unordered_map<std::string, Symbol> symbols; ///< by "scope:name"
  std::unordered_map<std::string, uint32_t> labels;
  std::unordered_map<std::string, uint32_t> constants, specials;
  struct Range {
    std::string prefix;
    int64_t count;
    int scope;
    Type type;
    uint32_t row;
  };
  std::unordered_map<std::string, Range> ranges; ///< `%r<10>` by "scope:%r"
  uint32_t scratch = noRow;
  const StatementSyntax *current = nullptr;
  mutable size_t operandsRead = 0; ///< of the current statement: one past the last that was asked for
};

std::optional<Type> typeNamed(std::string_view name);

// Each file of instructions/ adds its opcodes.
void addInteger(DecodeTable &table);
void addCarry(DecodeTable &table);
void addLogic(DecodeTable &table);
void addFloat(DecodeTable &table);
void addCompare(DecodeTable &table);
void addConvert(DecodeTable &table);
void addMove(DecodeTable &table);
void addControl(DecodeTable &table);
void addMemory(DecodeTable &table);
void addAtomic(DecodeTable &table);
void addAsync(DecodeTable &table);
void addExchange(DecodeTable &table);
void addMatrix(DecodeTable &table);
void addBarrier(DecodeTable &table);

/// Where the lanes of each branch meet again: the first instruction that all its ways to the end pass.
void findReconvergence(FunctionCode &code);

} // namespace ptxsim

#endif
