// SPDX-License-Identifier: Apache-2.0
//
// A module ready to run. Every operand is a row: 32 words, one a lane (two rows in a sequence for 64 bits; a predicate
// is one word whose bit l is lane l's). Constants, addresses of variables and special registers have rows like
// registers do, filled before a warp starts, so an instruction looks at nothing but rows.
#ifndef FALLOFF_TESTS_PTXSIM_MODULE_H
#define FALLOFF_TESTS_PTXSIM_MODULE_H

#include "tests/ptxsim/Counts.h"
#include "tests/ptxsim/Numbers.h"
#include "tests/ptxsim/Syntax.h"

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ptxsim {

struct Warp;
struct Instruction;
struct FunctionCode;

/// Executes an instruction for the lanes of `Warp::mask`.
using Execute = void (*)(Warp &, const Instruction &);

constexpr uint32_t noRow = ~0u;
constexpr uint32_t noTarget = ~0u;
constexpr int frameVariable = -2;

enum class Type : uint8_t {
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  BF16,
  F16x2,
  BF16x2,
  E4M3x2,
  E5M2x2,
  F32,
  F64,
  TF32
};

int bytesOf(Type type);
bool isSigned(Type type);
bool isFloat(Type type);
const char *name(Type type);

struct Instruction {
  Execute execute = nullptr;
  uint32_t guard = noRow;
  bool guardNegated = false;
  bool collective = false; ///< `.aligned`: all lanes of the warp or a fault
  bool passesOn = false;   ///< looks itself at which of its sources are initialised
  uint8_t destinations = 0, sources = 0;
  /// Destinations, then sources; then rows of constants, which nobody has to check.
  std::array<uint32_t, 17> rows{};
  Kind kind = Kind::Integer;

  // What instructions of some groups need besides.
  Type type = Type::B32, from = Type::B32;
  Space space = Space::Generic;
  uint8_t count = 1;     ///< elements of a vector, matrices of an ldmatrix
  uint8_t option = 0;    ///< whatever the instruction's file says
  uint8_t widths = 0;    ///< bit i: operand i is a register of 64 bits
  int64_t immediate = 0; ///< offset of an address and the like
  int64_t second = 0;    ///< offset of a second address
  FloatMode mode;
  Conversion conversion;
  uint32_t target = noTarget;        ///< of a branch
  uint32_t reconvergence = noTarget; ///< where its lanes meet again
  bool isBranchTable = false, isEnd = false;
  uint32_t table = 0; ///< in FunctionCode::branchTables or ::calls
};

/// Rows that hold what a warp knows of itself.
enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  LanemaskEq,
  LanemaskLt,
  LanemaskLe,
  LanemaskGt,
  LanemaskGe,
  DynamicSharedSize,
  TotalSharedSize
};

struct ParameterCode {
  std::string name;
  int64_t offset = 0,
          bytes = 0; ///< of an entry: in the launch's parameters; of a function: in its frame of local memory
};

struct CallCode {
  size_t function = 0;
  std::vector<int64_t> arguments, results; ///< offsets of the caller's .param variables in its frame
};

struct FunctionCode {
  std::string name;
  bool entry = false;
  int maxThreads = 1024;
  std::vector<Instruction> code;
  struct Place {
    int line;
    std::string text;
  };
  std::vector<Place> places; ///< of each instruction
  uint32_t rowCount = 0;
  struct Constant {
    uint32_t row;
    int bytes; ///< 4 or 8; 0: a predicate
    uint64_t value;
    int variable = -1; ///< whose address is added; frameVariable: that of the function's frame of local memory
  };
  std::vector<Constant> constants;
  std::vector<std::pair<uint32_t, Special>> specials;
  std::vector<ParameterCode> parameters, results;
  int64_t parameterBytes = 0, localBytes = 0;
  int64_t sharedEnd = 0; ///< of its static shared memory, which begins at sharedBegin or, aligned, behind it
  int64_t staticSharedBytes = 0;
  std::vector<std::vector<uint32_t>> branchTables;
  std::vector<CallCode> calls;
  std::vector<std::pair<int, int>> loops; ///< lines
};

/// A .global or .const variable of the module.
struct VariableCode {
  std::string name;
  Space space = Space::Global;
  int64_t bytes = 0, alignment = 1;
  bool initialised = false; ///< .global without values is zero as C++ says, but .extern is nobody's
  std::vector<uint8_t> image;
  std::vector<std::pair<int64_t, std::string>> addresses; ///< byte offsets that hold the address of a variable
};

struct ModuleCode {
  std::string target;
  std::vector<FunctionCode> functions;
  std::vector<VariableCode> variables;
  int64_t dynamicSharedBegin = 0; ///< in shared memory, behind the longest static part
  uint64_t identity = 0;          ///< distinct for every parse
};

/// Where shared memory begins in its own space. Not 0: a null pointer is no shared variable's address.
constexpr int64_t sharedBegin = 1024;

// Generic addresses. Allocations of global memory lie above all of these windows.
constexpr uint64_t sharedWindow = 0x0100'0000'0000, localWindow = 0x0200'0000'0000, parameterWindow = 0x0300'0000'0000;
constexpr uint64_t windowBytes = 0x1'0000'0000, globalBegin = 0x7f00'0000'0000;

/// Lays out and decodes a parsed module. Throws Fault (Syntax or Unsupported).
ModuleCode decodeModule(const ModuleSyntax &syntax);

} // namespace ptxsim

#endif
